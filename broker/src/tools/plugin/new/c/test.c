/* Calls the plugin as the broker does. */
#include <assert.h>

#include "plugin.h"

static int lines;

static void count(void *ctx, uint32_t level, mq_view target, mq_view message, mq_view file,
                  uint32_t line)
{
    (void)ctx, (void)level, (void)target, (void)message, (void)file, (void)line;
    lines++;
}

int main(void)
{
    mq_host host = {.size = sizeof host, .abi_version = MQ_ABI_VERSION, .log = count};
    void *instance = NULL;
    assert(PluginAbiVersion() == MQ_ABI_VERSION);
    assert(Bootstrap(&host, MQ_TEXT("{}"), &instance) == 0);

    mq_publish event = {.size = sizeof event, .topic = MQ_TEXT("lamps/kitchen")};
    assert(OnBeforePublish(instance, &event) == MQ_CONTINUE && lines == 0);
    event.topic = MQ_TEXT("alarm/fire");
    assert(OnBeforePublish(instance, &event) == MQ_VETO && lines == 1);
    event.topic = MQ_TEXT("alar");
    assert(OnBeforePublish(instance, &event) == MQ_CONTINUE && lines == 1);
    Shutdown(instance);
}
