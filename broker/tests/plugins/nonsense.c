/* Answers every hook with ANSWER, whatever that may mean. Built with -DANSWER=… */

#include "plugin.h"

#define HOOK(name, event_type)                                                                     \
    int32_t name(void *instance, const event_type *event)                                          \
    {                                                                                              \
        (void)instance;                                                                            \
        (void)event;                                                                               \
        return ANSWER;                                                                             \
    }

uint32_t PluginAbiVersion(void)
{
    return MQ_ABI_VERSION;
}

HOOK(OnSocketOpen, mq_socket_open)
HOOK(OnAuth, mq_auth)
HOOK(OnBeforeConnect, mq_before_connect)
HOOK(OnConnect, mq_connect)
HOOK(OnBeforeSubscribe, mq_subscribe)
HOOK(OnSubscribe, mq_subscribe)
HOOK(OnBeforeUnsubscribe, mq_unsubscribe)
HOOK(OnUnsubscribe, mq_unsubscribe)
HOOK(OnMessage, mq_publish)
HOOK(OnBeforePublish, mq_publish)
HOOK(OnPublish, mq_publish)
HOOK(OnDisconnect, mq_disconnect)
