/* Answers each deciding hook as the name says that the event is about: a topic, a filter, a client id.
 *
 *   HOOK/CODE        refuses with that reason code in that hook
 *   HOOK/CODE/WORDS  the same, and says why
 *   slow/TIME        lets it pass, and the client is not read for so many milliseconds
 *
 * HOOK is before, connect, sub, unsub or pub. Other names pass. A name that begins with odd hands over
 * what it should not, and is then refused with 0x83 if `answer` has returned what it must. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

struct answer {
    const void *ctx;
    mq_answer take;
};

static int32_t give(struct answer answer, uint32_t part, const void *value, size_t len)
{
    return answer.take(answer.ctx, part, (mq_view){value, len});
}

static int32_t odd(struct answer answer)
{
    static char large[65536];
    uint16_t half = 1;
    int as_it_must = give(answer, MQ_ANSWER_REASON, "\xFF", 1) == MQ_UNFIT
        && give(answer, MQ_ANSWER_REASON, "a\0b", 3) == MQ_UNFIT
        && give(answer, MQ_ANSWER_REASON, large, sizeof large) == MQ_UNFIT
        && give(answer, MQ_ANSWER_THROTTLE, &half, sizeof half) == MQ_UNFIT
        && give(answer, MQ_ANSWER_USERNAME, "bob", 3) == MQ_UNKNOWN
        && give(answer, 99, "x", 1) == MQ_UNKNOWN;
    return as_it_must ? 0x83 : -7;
}

/* What stands behind `hook` and a slash; NULL if the name does not begin so. */
static const char *behind(const char *name, const char *hook)
{
    size_t len = strlen(hook);
    return strncmp(name, hook, len) == 0 && name[len] == '/' ? name + len + 1 : NULL;
}

static int32_t decide(const char *hook, mq_view view, const void *ctx, mq_answer take)
{
    struct answer answer = {ctx, take};
    char name[128] = "";
    memcpy(name, view.ptr, view.len < sizeof name ? view.len : sizeof name - 1);
    const char *rest = behind(name, "slow");
    if (rest) {
        uint32_t milliseconds = (uint32_t)strtoul(rest, NULL, 10);
        give(answer, MQ_ANSWER_THROTTLE, &milliseconds, sizeof milliseconds);
        return MQ_CONTINUE;
    }
    if (strncmp(name, "odd", 3) == 0)
        return odd(answer);
    rest = behind(name, hook);
    if (!rest)
        return MQ_CONTINUE;
    char *words;
    int32_t code = (int32_t)strtol(rest, &words, 0);
    if (*words == '/')
        give(answer, MQ_ANSWER_REASON, words + 1, strlen(words + 1));
    /* It was copied. */
    memset(name, '!', sizeof name);
    return code;
}

uint32_t PluginAbiVersion(void)
{
    return MQ_ABI_VERSION;
}

int32_t OnBeforeConnect(void *instance, const mq_before_connect *event)
{
    (void)instance;
    return decide("before", event->client->client_id, event->answer_ctx, event->answer);
}

int32_t OnConnect(void *instance, const mq_connect *event)
{
    (void)instance;
    return decide("connect", event->client->client_id, event->answer_ctx, event->answer);
}

int32_t OnBeforeSubscribe(void *instance, const mq_subscribe *event)
{
    (void)instance;
    return decide("sub", event->filter, event->answer_ctx, event->answer);
}

int32_t OnBeforeUnsubscribe(void *instance, const mq_unsubscribe *event)
{
    (void)instance;
    return decide("unsub", event->filter, event->answer_ctx, event->answer);
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    (void)instance;
    return decide("pub", event->topic, event->answer_ctx, event->answer);
}

/* Observes: nothing is taken. */
int32_t OnMessage(void *instance, const mq_publish *event)
{
    (void)instance;
    int32_t said = event->answer(event->answer_ctx, MQ_ANSWER_REASON, MQ_TEXT("x"));
    return said == MQ_UNKNOWN ? MQ_CONTINUE : -7;
}
