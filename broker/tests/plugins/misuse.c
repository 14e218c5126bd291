/* Calls the broker as nobody should, by mistake: what it does is the topic of a message that is published.
 * Logs what it was answered, as `TOPIC: -2 -2 0`. */

#include <stdio.h>
#include <string.h>

#include "plugin.h"

MQ_PLUGIN_WITH("misuse", "1.0.0", "MIT", "Calls the broker wrongly",
               MQ_MAY_USE("publish kick subscribe read-clients read-retained write-retained kv"));

#define NONE ((mq_view){NULL, 0})
#define NO_TEXT MQ_TEXT("\xFF\xFE")

static const mq_host *host;
static uint64_t ticket;
static char said[512];

static void say(long long number)
{
    size_t len = strlen(said);
    snprintf(said + len, sizeof said - len, " %lld", number);
}

static int32_t no_value(void *user, mq_view value)
{
    (void)user, (void)value;
    return 0;
}

static int32_t no_client(void *user, const mq_client_info *client)
{
    (void)user, (void)client;
    return 1;
}

static int32_t no_message(void *user, const mq_message *message)
{
    (void)user, (void)message;
    return 1;
}

static int32_t no_subscription(void *user, const mq_subscription_info *subscription)
{
    (void)user, (void)subscription;
    return 1;
}

static int32_t no_pair(void *user, mq_view key, mq_view value)
{
    (void)user, (void)key, (void)value;
    return 1;
}

/* Each function that takes text, with this in place of it. */
static void texts(mq_view text)
{
    mq_message message = {.size = sizeof message, .topic = text};
    host->log(host->ctx, 99, text, text, text, 0);
    say(host->publish(host->ctx, &message));
    say(host->publish_to(host->ctx, text, &message));
    say(host->retain(host->ctx, &message));
    say(host->each_retained(host->ctx, text, NULL, no_message));
    say(host->disconnect(host->ctx, text, 0x80, text, 0));
    say(host->subscribe(host->ctx, text, text, 0, 0));
    say(host->unsubscribe(host->ctx, text, text));
    say(host->receivers(host->ctx, text, NULL, no_subscription));
    say(host->attribute_set(host->ctx, text, 0, text, text));
    say(host->attribute_get(host->ctx, text, 0, text, NULL, no_value));
    say(host->metric(host->ctx, MQ_COUNTER, text, text, text));
    say(host->interest(host->ctx, text, MQ_INTEREST_TOPIC, text));
    say(host->blocking(host->ctx, text, 0));
}

/* Values that are none of those there are. */
static void numbers(void)
{
    mq_message message = {.size = sizeof message, .qos = 3, .topic = MQ_TEXT("t")};
    say(host->publish(host->ctx, &message));
    message.qos = 0, message.size = 4;
    say(host->publish(host->ctx, &message));
    message.size = sizeof message, message.properties = MQ_TEXT("\x26\x00\x09");
    say(host->publish(host->ctx, &message));
    say(host->disconnect(host->ctx, MQ_TEXT("c"), 0, NONE, 0));
    say(host->disconnect(host->ctx, MQ_TEXT("c"), 0xFFFFFFFF, NONE, 0));
    say(host->subscribe(host->ctx, MQ_TEXT("c"), MQ_TEXT("t"), 0xFFFFFFFF, 0));
    say(host->attribute_set(host->ctx, MQ_TEXT("c"), 9, MQ_TEXT("k"), MQ_TEXT("v")));
    say(host->metric(host->ctx, 9, MQ_TEXT("m"), NONE, NONE));
    say(host->metric_update(host->ctx, -1, MQ_ADD, 1));
    say(host->metric_update(host->ctx, INT64_MAX, MQ_ADD, 1));
    say(host->timer_cancel(host->ctx, UINT64_MAX));
    say(host->folder(host->ctx, 9, NULL, no_value));
    say(host->interest(host->ctx, NONE, MQ_INTEREST_TOPIC, MQ_TEXT("a")));
    say(host->blocking(host->ctx, MQ_TEXT("on_will"), 0));
}

/* An answer that is given twice, in the hook itself and too late. */
static void tickets(const mq_publish *event)
{
    static uint8_t large[200000];
    mq_part unknown = {.part = 99, .value = {large, sizeof large}};
    say(host->complete(host->ctx, 0, 1, NULL, 0));
    say(host->complete(host->ctx, UINT64_MAX, 1, NULL, 0));
    say(host->complete(host->ctx, ticket, 1, NULL, 5));
    say(host->complete(host->ctx, ticket, 1, &unknown, 5000));
    ticket = host->defer(host->ctx, event->answer_ctx, 0xFFFFFFFF);
    say(ticket != 0);
    say((long long)host->defer(host->ctx, event->answer_ctx, 1000));
    say(host->complete(host->ctx, ticket, MQ_CONTINUE, &unknown, 1));
    say(host->complete(host->ctx, ticket, MQ_CONTINUE, NULL, 0));
}

/* Many parts, and some that are no such thing. */
static void parts(const mq_publish *event)
{
    static uint8_t large[300000];
    uint8_t qos = 7;
    int32_t taken = 0;
    for (int count = 0; count < 100000; count++)
        taken += event->answer(event->answer_ctx, MQ_ANSWER_REASON, MQ_TEXT("again"));
    say(taken);
    say(event->answer(event->answer_ctx, 0, NONE));
    say(event->answer(event->answer_ctx, UINT32_MAX, NONE));
    say(event->answer(event->answer_ctx, MQ_ANSWER_REASON, (mq_view){large, sizeof large}));
    say(event->answer(event->answer_ctx, MQ_ANSWER_THROTTLE, NONE));
    say(event->answer(event->answer_ctx, MQ_ANSWER_TOPIC, MQ_TEXT("a/#")));
    say(event->answer(event->answer_ctx, MQ_ANSWER_TOPIC, NONE));
    say(event->answer(event->answer_ctx, MQ_ANSWER_QOS, (mq_view){&qos, 1}));
    say(event->answer(event->answer_ctx, MQ_ANSWER_SET_PROPERTY, NO_TEXT));
    say(event->answer(event->answer_ctx, MQ_ANSWER_CLIENT_ID, MQ_TEXT("x")));
}

/* Calls from where something is shown, and asks for no more. */
static int32_t nested(void *user, const mq_client_info *client)
{
    mq_message message = {.size = sizeof message, .topic = MQ_TEXT("nested")};
    say(host->publish(host->ctx, &message));
    say(host->publish_to(host->ctx, client->client->client_id, &message));
    say(host->each_client(host->ctx, NONE, user, no_client) > 0);
    say(host->each_subscription(host->ctx, NONE, user, no_subscription) > 0);
    say(host->kv_set(host->ctx, MQ_TEXT("k"), MQ_TEXT("v"), 0));
    say(host->kv_each(host->ctx, NONE, user, no_pair));
    say(host->attribute_set(host->ctx, client->client->client_id, 0, MQ_TEXT("k"), MQ_TEXT("v")));
    return 0;
}

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

static int32_t act(const mq_publish *event)
{
    if (is(event->topic, "null"))
        texts(NONE);
    else if (is(event->topic, "bytes"))
        texts(NO_TEXT);
    else if (is(event->topic, "numbers"))
        numbers();
    else if (is(event->topic, "parts"))
        parts(event);
    else if (is(event->topic, "nested"))
        say(host->each_client(host->ctx, event->client->client_id, NULL, nested));
    else if (is(event->topic, "self"))
        say(host->disconnect(host->ctx, event->client->client_id, 0x98, NONE, 0));
    else if (is(event->topic, "tickets")) {
        tickets(event);
        return MQ_PENDING;
    } else if (is(event->topic, "gone")) {
        ticket = host->defer(host->ctx, event->answer_ctx, 60000);
        return MQ_PENDING;
    } else if (is(event->topic, "late"))
        say(host->complete(host->ctx, ticket, MQ_CONTINUE, NULL, 0));
    return MQ_CONTINUE;
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    (void)instance;
    if (event->origin != MQ_ORIGIN_CLIENT)
        return MQ_CONTINUE;
    said[0] = '\0';
    int32_t answer = act(event);
    char line[600];
    int len = snprintf(line, sizeof line, "%.*s:%s", (int)event->topic.len, event->topic.ptr, said);
    host->log(host->ctx, MQ_LOG_INFO, NONE, (mq_view){(uint8_t *)line, (size_t)len}, NONE, 0);
    return answer;
}
