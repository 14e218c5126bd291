/* Calls the broker from C: a message to `call-c` brings `answer-c`, which says how many clients are connected,
 * and how many visits the store has counted. Clients whose ids begin with `no-` are sent away. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

MQ_PLUGIN_WITH("calls", "1.0.0", "MIT", "Calls the broker",
               MQ_WANTS("publish kick read-clients kv") MQ_REQUIRES("1.1"));

static const char topic[] = "call-c", key[] = "visits";

struct plugin {
    const mq_host *host;
    int64_t visits;
};

MQ_EXPORT int32_t Bootstrap(const mq_host *host, mq_view config, void **ctx)
{
    static struct plugin plugin;
    (void)config;
    if (host->size < sizeof(mq_host) || host->abi_version < MQ_ABI_VERSION)
        return -1;
    plugin.host = host;
    *ctx = &plugin;
    return 0;
}

static int32_t count(void *user, const mq_client_info *info)
{
    *(int *)user += info->connected != 0;
    return 1;
}

static int32_t read_visits(void *user, mq_view value)
{
    char text[24] = "";
    memcpy(text, value.ptr, value.len < sizeof text ? value.len : sizeof text - 1);
    *(int64_t *)user = strtoll(text, NULL, 10);
    return 0;
}

MQ_EXPORT int32_t OnPublish(void *ctx, const mq_publish *event)
{
    struct plugin *plugin = ctx;
    const mq_host *host = plugin->host;
    mq_message message = {.size = sizeof message, .qos = 1, .topic = MQ_TEXT("answer-c")};
    char text[64];
    int here = 0;

    if (event->topic.len != sizeof topic - 1 || memcmp(event->topic.ptr, topic, event->topic.len))
        return MQ_CONTINUE;
    plugin->visits = 0;
    host->kv_get(host->ctx, MQ_TEXT(key), &plugin->visits, read_visits);
    int digits = snprintf(text, sizeof text, "%lld", (long long)plugin->visits + 1);
    host->kv_set(host->ctx, MQ_TEXT(key), (mq_view){(uint8_t *)text, (size_t)digits}, 0);
    int64_t shown = host->each_client(host->ctx, MQ_TEXT(""), &here, count);
    int len = snprintf(text, sizeof text, "%lld shown, %d here, visit %lld", (long long)shown, here,
                       (long long)plugin->visits + 1);
    message.payload = (mq_view){(uint8_t *)text, (size_t)len};
    if (host->publish(host->ctx, &message) != 0)
        return -1;
    message.size = 4;
    return host->publish(host->ctx, &message) == MQ_UNFIT ? MQ_CONTINUE : -1;
}

MQ_EXPORT int32_t OnConnect(void *ctx, const mq_connect *event)
{
    struct plugin *plugin = ctx;
    mq_view id = event->client->client_id;
    if (id.len > 3 && memcmp(id.ptr, "no-", 3) == 0)
        plugin->host->disconnect(plugin->host->ctx, id, 0x98, MQ_TEXT("no"), MQ_CLEAR_SESSION);
    return MQ_CONTINUE;
}
