/* Allows each client id at most `max` subscriptions; one more is acknowledged, but not made, or refused
 * with `answer: refuse`. The same as ../sub-limiter, in C. README.md says how to build it. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define BUCKETS 4096u
#define OUT_OF_MEMORY (-2)
#define BAD_CONFIG (-3)
#define QUOTA_EXCEEDED 0x97 /* a reason code of MQTT 5 */

struct filter {
    struct filter *next;
    size_t len;
    uint8_t text[];
};

struct client {
    struct client *next; /* in its bucket */
    struct filter *filters;
    size_t count;
    size_t len;
    uint8_t id[];
};

struct limiter {
    const mq_host *host;
    size_t max;
    int refuses; /* one too many is told so; else it is acknowledged */
    pthread_mutex_t lock; /* guards the buckets; held for a look or a change only */
    struct client *buckets[BUCKETS];
};

static void say(const struct limiter *limiter, uint32_t level, const char *text)
{
    mq_view message = {(const uint8_t *)text, strlen(text)};
    const mq_host *host = limiter->host;
    host->log(host->ctx, level, MQ_TEXT(""), message, MQ_TEXT(__FILE__), __LINE__);
}

/* ---- config ---- */

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *expect(const char *at, const char *token)
{
    if (!at)
        return NULL;
    at = skip_space(at);
    return strncmp(at, token, strlen(token)) == 0 ? at + strlen(token) : NULL;
}

static const char *parse_max(const char *at, size_t *max)
{
    at = skip_space(at);
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 9 || at[0] == '0')
        return NULL;
    *max = (size_t)strtoul(at, NULL, 10);
    return at + digits;
}

static const char *parse_answer(const char *at, int *refuses)
{
    const char *end = expect(at, "\"refuse\"");
    *refuses = end != NULL;
    return end ? end : expect(at, "\"silent\"");
}

/* Takes {"answer": "silent" or "refuse", "max": N} with N above 0, in any order; max must be there. */
static int parse(mq_view json, size_t *max, int *refuses)
{
    char text[128];
    if (json.len >= sizeof text)
        return 0;
    memcpy(text, json.ptr, json.len);
    text[json.len] = '\0';

    const char *at = text, *value, *before = "{";
    while ((at = expect(at, before))) {
        if ((value = expect(expect(at, "\"max\""), ":")))
            at = parse_max(value, max);
        else if ((value = expect(expect(at, "\"answer\""), ":")))
            at = parse_answer(value, refuses);
        else
            return 0;
        const char *end = expect(at, "}");
        if (end)
            return *max > 0 && *skip_space(end) == '\0';
        before = ",";
    }
    return 0;
}

/* ---- who is subscribed to what; the caller holds the lock ---- */

static int equal(mq_view view, const uint8_t *text, size_t len)
{
    return view.len == len && (len == 0 || memcmp(view.ptr, text, len) == 0);
}

/* Where the pointer to the client is, or would be. */
static struct client **find_client(struct limiter *limiter, mq_view id)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ id.ptr[i]) * 0x100000001b3u;
    struct client **at = &limiter->buckets[hash % BUCKETS];
    while (*at && !equal(id, (*at)->id, (*at)->len))
        at = &(*at)->next;
    return at;
}

static struct filter **find_filter(struct client *client, mq_view filter)
{
    struct filter **at = &client->filters;
    while (*at && !equal(filter, (*at)->text, (*at)->len))
        at = &(*at)->next;
    return at;
}

static void remove_filter(struct client *client, struct filter **at)
{
    struct filter *gone = *at;
    *at = gone->next;
    free(gone);
    client->count--;
}

static void remove_client(struct client **at)
{
    struct client *gone = *at;
    while (gone->filters)
        remove_filter(gone, &gone->filters);
    *at = gone->next;
    free(gone);
}

static int add(struct limiter *limiter, mq_view id, mq_view filter)
{
    struct client **client = find_client(limiter, id);
    if (*client && *find_filter(*client, filter))
        return MQ_CONTINUE; /* replaces that subscription: none more */
    struct filter *new_filter = malloc(sizeof *new_filter + filter.len);
    if (!new_filter)
        return OUT_OF_MEMORY;
    if (!*client) {
        *client = calloc(1, sizeof **client + id.len);
        if (!*client) {
            free(new_filter);
            return OUT_OF_MEMORY;
        }
        (*client)->len = id.len;
        memcpy((*client)->id, id.ptr, id.len);
    }
    new_filter->len = filter.len;
    memcpy(new_filter->text, filter.ptr, filter.len);
    new_filter->next = (*client)->filters;
    (*client)->filters = new_filter;
    (*client)->count++;
    return MQ_CONTINUE;
}

static void forget(struct limiter *limiter, mq_view id)
{
    pthread_mutex_lock(&limiter->lock);
    struct client **client = find_client(limiter, id);
    if (*client)
        remove_client(client);
    pthread_mutex_unlock(&limiter->lock);
}

/* ---- the plugin ---- */

MQ_PLUGIN("sub-limiter-c", "0.1.0", "MIT OR Apache-2.0",
          "A hookmq plugin that allows each client id so many subscriptions");

int32_t Bootstrap(const mq_host *host, mq_view config_json, void **instance)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    if (!limiter)
        return OUT_OF_MEMORY;
    limiter->host = host;
    if (!parse(config_json, &limiter->max, &limiter->refuses)) {
        say(limiter, MQ_LOG_ERROR, "the config must be { max: N }, with N from 1 to 999999999, and may have "
                                   "answer: silent or answer: refuse");
        free(limiter);
        return BAD_CONFIG;
    }
    if (limiter->refuses && host->abi_version < MQ_ABI_VERSION) {
        say(limiter, MQ_LOG_ERROR, "answer: refuse needs a broker with ABI 1.1");
        free(limiter);
        return BAD_CONFIG;
    }
    pthread_mutex_init(&limiter->lock, NULL);
    char text[80];
    snprintf(text, sizeof text, "at most %zu subscriptions for each client id", limiter->max);
    say(limiter, MQ_LOG_INFO, text);
    *instance = limiter;
    return 0;
}

int32_t OnConnect(void *instance, const mq_connect *event)
{
    if (!event->session_present)
        forget(instance, event->client->client_id);
    return MQ_CONTINUE;
}

/* Only asks: a plugin after this one may still veto, so nothing is counted yet. */
int32_t OnBeforeSubscribe(void *instance, const mq_subscribe *event)
{
    struct limiter *limiter = instance;
    pthread_mutex_lock(&limiter->lock);
    struct client *client = *find_client(limiter, event->client->client_id);
    int allowed = !client || client->count < limiter->max || *find_filter(client, event->whole_filter);
    pthread_mutex_unlock(&limiter->lock);
    if (allowed)
        return MQ_CONTINUE;
    mq_view id = event->client->client_id;
    char text[160];
    snprintf(text, sizeof text, "%.*s has its %zu subscriptions: not one more",
             (int)(id.len < 100 ? id.len : 100), (const char *)id.ptr, limiter->max);
    say(limiter, MQ_LOG_DEBUG, text);
    if (!limiter->refuses)
        return MQ_VETO;
    int len = snprintf(text, sizeof text, "the limit of subscriptions is %zu", limiter->max);
    event->answer(event->answer_ctx, MQ_ANSWER_REASON, (mq_view){(const uint8_t *)text, (size_t)len});
    return QUOTA_EXCEEDED;
}

int32_t OnSubscribe(void *instance, const mq_subscribe *event)
{
    struct limiter *limiter = instance;
    pthread_mutex_lock(&limiter->lock);
    int32_t answer = add(limiter, event->client->client_id, event->whole_filter);
    pthread_mutex_unlock(&limiter->lock);
    return answer;
}

int32_t OnUnsubscribe(void *instance, const mq_unsubscribe *event)
{
    struct limiter *limiter = instance;
    pthread_mutex_lock(&limiter->lock);
    struct client **client = find_client(limiter, event->client->client_id);
    if (*client) {
        struct filter **filter = find_filter(*client, event->whole_filter);
        if (*filter)
            remove_filter(*client, filter);
        if ((*client)->count == 0)
            remove_client(client);
    }
    pthread_mutex_unlock(&limiter->lock);
    return MQ_CONTINUE;
}

int32_t OnDisconnect(void *instance, const mq_disconnect *event)
{
    if (!event->session_kept)
        forget(instance, event->client->client_id);
    return MQ_CONTINUE;
}

void Shutdown(void *instance)
{
    struct limiter *limiter = instance;
    for (size_t i = 0; i < BUCKETS; i++)
        while (limiter->buckets[i])
            remove_client(&limiter->buckets[i]);
    pthread_mutex_destroy(&limiter->lock);
    free(limiter);
}
