/* Nobody publishes below alarm/. */
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* Name, version, licence (as SPDX writes it) and what it does. */
MQ_PLUGIN("my-plugin", "0.1.0", "", "A hookmq plugin: nobody publishes below alarm/");

static const char closed[] = "alarm/";

struct plugin {
    const mq_host *host; /* valid for ever, unlike what hooks are given */
};

int32_t Bootstrap(const mq_host *host, mq_view config_json, void **instance)
{
    (void)config_json;
    struct plugin *plugin = malloc(sizeof *plugin);
    if (!plugin)
        return -2;
    plugin->host = host;
    *instance = plugin;
    return 0;
}

/* Asked about each message before anybody gets it; MQ_VETO, and nobody does. It is called on several
 * threads, and must not block. */
int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    struct plugin *plugin = instance;
    const size_t len = sizeof closed - 1;
    if (event->topic.len < len || memcmp(event->topic.ptr, closed, len) != 0)
        return MQ_CONTINUE;
    plugin->host->log(plugin->host->ctx, MQ_LOG_INFO, MQ_TEXT(""), MQ_TEXT("a message was kept out"),
                      MQ_TEXT(""), 0);
    return MQ_VETO;
}

void Shutdown(void *instance)
{
    free(instance);
}
