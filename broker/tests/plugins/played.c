/* Answers a message by its topic, for tests of `hookmq plugin replay`. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin.h"

MQ_PLUGIN_WITH("played", "1.0.0", "MIT", "Answers a message by its topic", MQ_WANTS("publish kv"));

static const mq_host *host;

int32_t Bootstrap(const mq_host *the_host, mq_view config_json, void **instance)
{
    (void)config_json, (void)instance;
    host = the_host;
    return 0;
}

static int is(mq_view view, const char *text)
{
    return view.len == strlen(text) && memcmp(view.ptr, text, view.len) == 0;
}

static void *answer_later(void *ticket)
{
    mq_part reason = {.part = MQ_ANSWER_REASON, .value = MQ_TEXT("thought about it")};
    host->complete(host->ctx, *(uint64_t *)ticket, 0x87, &reason, 1);
    free(ticket);
    return NULL;
}

static int32_t later(const mq_publish *event)
{
    pthread_t thread;
    uint64_t *ticket = malloc(sizeof *ticket);
    if (!ticket)
        return -2;
    *ticket = host->defer(host->ctx, event->answer_ctx, 20000);
    if (pthread_create(&thread, NULL, answer_later, ticket) != 0)
        return -2;
    pthread_detach(thread);
    return MQ_PENDING;
}

static int32_t seen(void *user, mq_view value)
{
    *(int *)user = value.ptr[0];
    return 0;
}

/* How often it was asked before. */
static int32_t count(const mq_publish *event)
{
    int times = 0;
    char words[32];
    host->kv_get(host->ctx, MQ_TEXT("times"), &times, seen);
    uint8_t more = (uint8_t)(times + 1);
    host->kv_set(host->ctx, MQ_TEXT("times"), (mq_view){&more, 1}, 0);
    snprintf(words, sizeof words, "asked %d times before", times);
    event->answer(event->answer_ctx, MQ_ANSWER_REASON, (mq_view){(const uint8_t *)words, strlen(words)});
    return 0x97;
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    (void)instance;
    if (is(event->topic, "veto"))
        return MQ_VETO;
    if (is(event->topic, "edit")) {
        uint8_t qos = 0;
        event->answer(event->answer_ctx, MQ_ANSWER_TOPIC, MQ_TEXT("other"));
        event->answer(event->answer_ctx, MQ_ANSWER_QOS, (mq_view){&qos, 1});
        return MQ_CONTINUE;
    }
    if (is(event->topic, "publish")) {
        mq_message message = {.size = sizeof message, .qos = 1, .topic = MQ_TEXT("from/plugin"), .payload = event->payload};
        host->publish(host->ctx, &message);
    }
    if (is(event->topic, "later"))
        return later(event);
    if (is(event->topic, "never")) {
        host->defer(host->ctx, event->answer_ctx, 1);
        return MQ_PENDING;
    }
    if (is(event->topic, "count"))
        return count(event);
    if (is(event->topic, "crash"))
        abort();
    while (is(event->topic, "silent"))
        pause();
    return MQ_CONTINUE;
}
