/* Changes a message to `a`: to topic `b`, with the payload twice and a user property. Answers about the
 * filter `slow` later, from a thread of its own, and subscribes to `fast` in its place. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

static const mq_host *host;

uint32_t PluginAbiVersion(void)
{
    return MQ_ABI_VERSION;
}

int32_t Bootstrap(const mq_host *given, mq_view config_json, void **instance)
{
    (void)config_json;
    *instance = NULL;
    host = given;
    return 0;
}

static int is(mq_view view, const char *text)
{
    return view.len == strlen(text) && memcmp(view.ptr, text, view.len) == 0;
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    (void)instance;
    if (!is(event->topic, "a") || event->asked_again)
        return MQ_CONTINUE;
    size_t len = event->payload.len;
    uint8_t *twice = malloc(2 * len + 1);
    memcpy(twice, event->payload.ptr, len);
    memcpy(twice + len, event->payload.ptr, len);
    const void *ctx = event->answer_ctx;
    int taken = event->answer(ctx, MQ_ANSWER_PAYLOAD, (mq_view){twice, 2 * len}) == MQ_TAKEN;
    free(twice);
    mq_view property = {(const uint8_t *)"\x26\0\x01n\0\x01v", 7};
    taken &= event->answer(ctx, MQ_ANSWER_SET_PROPERTY, property) == MQ_TAKEN;
    taken &= event->answer(ctx, MQ_ANSWER_TOPIC, MQ_TEXT("b/#")) == MQ_UNFIT;
    taken &= event->answer(ctx, MQ_ANSWER_FILTER, MQ_TEXT("b")) == MQ_UNKNOWN;
    taken &= event->answer(ctx, MQ_ANSWER_TOPIC, MQ_TEXT("b")) == MQ_TAKEN;
    return taken ? MQ_CONTINUE : -7;
}

static void *answer_later(void *ticket)
{
    mq_part part = {MQ_ANSWER_FILTER, 0, MQ_TEXT("fast")};
    int32_t done = host->complete(host->ctx, *(uint64_t *)ticket, MQ_CONTINUE, &part, 1);
    int32_t again = host->complete(host->ctx, *(uint64_t *)ticket, MQ_CONTINUE, NULL, 0);
    if (done != MQ_TAKEN || again != MQ_NOT_THERE)
        abort();
    free(ticket);
    return NULL;
}

int32_t OnBeforeSubscribe(void *instance, const mq_subscribe *event)
{
    (void)instance;
    if (!is(event->filter, "slow"))
        return MQ_CONTINUE;
    uint64_t *ticket = malloc(sizeof *ticket);
    *ticket = host->defer(host->ctx, event->answer_ctx, 60000);
    if (*ticket == 0 || host->defer(host->ctx, event->answer_ctx, 60000) != 0)
        return -7;
    pthread_t thread;
    pthread_create(&thread, NULL, answer_later, ticket);
    pthread_detach(thread);
    return MQ_PENDING;
}
