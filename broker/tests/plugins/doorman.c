/* The plugin of doorman.rs in C, with every function of plugin.h 1.0 but Bootstrap's config: the prefix is `no-`. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

struct doorman {
    const mq_host *host;
};

static int lets_in(mq_view name)
{
    return name.len < 3 || memcmp(name.ptr, "no-", 3) != 0;
}

static int is(mq_view view, const char *text)
{
    return view.len == strlen(text) && memcmp(view.ptr, text, view.len) == 0;
}

static void say(const struct doorman *doorman, const char *line)
{
    mq_view none = {NULL, 0}, view = {(const uint8_t *)line, strlen(line)};
    doorman->host->log(doorman->host->ctx, MQ_LOG_INFO, none, view, none, 0);
}

/* A line of pieces, text and views. */
struct line {
    char text[256];
    size_t len;
};

static void add_view(struct line *line, mq_view view)
{
    for (size_t at = 0; at < view.len && line->len + 1 < sizeof line->text; at++)
        line->text[line->len++] = (char)view.ptr[at];
    line->text[line->len] = '\0';
}

static void add(struct line *line, const char *text)
{
    mq_view view = {(const uint8_t *)text, strlen(text)};
    add_view(line, view);
}

/* What a client does. */
static struct line begin(const mq_client *client, const char *verb)
{
    struct line line;
    line.len = 0;
    add_view(&line, client->client_id);
    add(&line, verb);
    return line;
}

uint32_t PluginAbiVersion(void)
{
    return MQ_ABI_VERSION;
}

int32_t Bootstrap(const mq_host *host, mq_view config_json, void **instance)
{
    struct doorman *doorman = (struct doorman *)malloc(sizeof *doorman);
    if (!doorman || !is(config_json, "{\"prefix\":\"no-\"}"))
        return -2;
    doorman->host = host;
    *instance = doorman;
    say(doorman, "keeps out no-");
    return 0;
}

void Shutdown(void *instance)
{
    say((const struct doorman *)instance, "goes");
    free(instance);
}

int32_t OnSocketOpen(void *instance, const mq_socket_open *event)
{
    (void)instance;
    return event->peer.family == 4 && event->peer.bytes[0] == 127 ? MQ_CONTINUE : MQ_VETO;
}

int32_t OnBeforeConnect(void *instance, const mq_before_connect *event)
{
    (void)instance;
    return event->keep_alive == 0 && event->clean_start && lets_in(event->client->client_id);
}

int32_t OnConnect(void *instance, const mq_connect *event)
{
    struct line line = begin(event->client, " came, ");
    add(&line, event->session_present ? "true" : "false");
    say((const struct doorman *)instance, line.text);
    return MQ_CONTINUE;
}

int32_t OnBeforeSubscribe(void *instance, const mq_subscribe *event)
{
    (void)instance;
    return lets_in(event->filter) ? MQ_CONTINUE : MQ_VETO;
}

int32_t OnSubscribe(void *instance, const mq_subscribe *event)
{
    struct line line = begin(event->client, " subscribed to ");
    add_view(&line, event->filter);
    add(&line, event->qos == 1 ? " at 1" : " at another QoS");
    say((const struct doorman *)instance, line.text);
    return MQ_CONTINUE;
}

int32_t OnBeforeUnsubscribe(void *instance, const mq_unsubscribe *event)
{
    (void)instance;
    return is(event->filter, "kept") ? MQ_VETO : MQ_CONTINUE;
}

int32_t OnUnsubscribe(void *instance, const mq_unsubscribe *event)
{
    struct line line = begin(event->client, " unsubscribed from ");
    add_view(&line, event->filter);
    say((const struct doorman *)instance, line.text);
    return MQ_CONTINUE;
}

int32_t OnMessage(void *instance, const mq_publish *event)
{
    struct line line = begin(event->client, " sent ");
    add_view(&line, event->payload);
    add(&line, " to ");
    add_view(&line, event->topic);
    say((const struct doorman *)instance, line.text);
    return MQ_CONTINUE;
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    (void)instance;
    if (is(event->topic, "panic"))
        return -1;
    return lets_in(event->topic) ? MQ_CONTINUE : MQ_VETO;
}

int32_t OnPublish(void *instance, const mq_publish *event)
{
    struct line line;
    line.len = 0;
    add(&line, event->origin == 1 ? "will " : "message ");
    add_view(&line, event->payload);
    add(&line, " to ");
    add_view(&line, event->topic);
    add(&line, " is routed");
    say((const struct doorman *)instance, line.text);
    return MQ_CONTINUE;
}

int32_t OnDisconnect(void *instance, const mq_disconnect *event)
{
    struct line line = begin(event->client, " went, graceful: ");
    add(&line, event->graceful ? "true" : "false");
    say((const struct doorman *)instance, line.text);
    return MQ_CONTINUE;
}
