/* Blocks in OnBeforePublish until the file is there that its config names, and says when a client goes and at its
 * end in how many hooks it is. It is the operator who says that it blocks. */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin.h"

struct blocks {
    const mq_host *host;
    atomic_int hooks;
    char until[512];
};

MQ_PLUGIN("blocks", "1.0.0", "MIT", "Blocks until a file is there");

static void say(const mq_host *host, const char *text)
{
    mq_view message = {(const uint8_t *)text, strlen(text)};
    host->log(host->ctx, MQ_LOG_INFO, MQ_TEXT(""), message, MQ_TEXT(""), 0);
}

int32_t Bootstrap(const mq_host *host, mq_view json, void **instance)
{
    struct blocks *blocks = calloc(1, sizeof *blocks);
    /* A text, and so in quotes. */
    if (!blocks || json.len < 2 || json.len - 2 >= sizeof blocks->until)
        return -1;
    blocks->host = host;
    memcpy(blocks->until, json.ptr + 1, json.len - 2);
    *instance = blocks;
    return 0;
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    struct blocks *blocks = instance;
    (void)event;
    atomic_fetch_add(&blocks->hooks, 1);
    say(blocks->host, "in on_before_publish");
    while (access(blocks->until, F_OK) != 0)
        usleep(1000);
    atomic_fetch_sub(&blocks->hooks, 1);
    return MQ_CONTINUE;
}

static void say_hooks(struct blocks *blocks, const char *what)
{
    char text[64];
    snprintf(text, sizeof text, "%s, in %d hooks", what, atomic_load(&blocks->hooks));
    say(blocks->host, text);
}

int32_t OnDisconnect(void *instance, const mq_disconnect *event)
{
    (void)event;
    say_hooks(instance, "a client is gone");
    return MQ_CONTINUE;
}

void Shutdown(void *instance)
{
    say_hooks(instance, "ends");
    free(instance);
}
