/* Answers hooks with a number, whatever that may mean there: all of them and always with ANSWER, which it is
 * built with; or as its config says, { in: OnPublish, answer: 3, times: 1 }. */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#ifndef ANSWER
#define ANSWER MQ_CONTINUE
#endif

static char config[256];
static atomic_long times = -1;

uint32_t PluginAbiVersion(void)
{
    return MQ_ABI_VERSION;
}

static long number(const char *key)
{
    const char *found = strstr(config, key);
    return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

int32_t Bootstrap(const mq_host *host, mq_view json, void **instance)
{
    (void)host, (void)instance;
    if (json.len >= sizeof config)
        return -2;
    memcpy(config, json.ptr, json.len);
    times = number("\"times\":");
    return 0;
}

static int32_t answer(const char *hook)
{
    const char *in = strstr(config, "\"in\":\"");
    if (!in)
        return ANSWER;
    if (strncmp(in + strlen("\"in\":\""), hook, strlen(hook)) != 0 || atomic_fetch_sub(&times, 1) <= 0)
        return MQ_CONTINUE;
    return (int32_t)number("\"answer\":");
}

/* With the quote behind it, for some names begin others. */
#define HOOK(name, event_type)                                                                     \
    int32_t name(void *instance, const event_type *event)                                          \
    {                                                                                              \
        (void)instance;                                                                            \
        (void)event;                                                                               \
        return answer(#name "\"");                                                                 \
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
HOOK(OnBeforeDeliver, mq_deliver)
HOOK(OnDelivered, mq_deliver)
HOOK(OnDropped, mq_dropped)
HOOK(OnWill, mq_publish)
HOOK(OnSession, mq_session)
HOOK(OnTick, mq_tick)
HOOK(OnDisconnect, mq_disconnect)
