/* plugin.h: hookmq plugins in C, and in any language that can call C. ABI 1.1.
 *
 * A plugin is a shared library that exports PluginAbiVersion and any of the other functions declared
 * here. It is copied into plugins/ and named in config.yml. Build it with
 *
 *     cc -shared -fPIC -O2 -I <folder of this file> -o name.so name.c
 *
 * Trust: a plugin runs in the broker's process. Nothing contains a crash in it.
 *
 * Ownership: what a function is given is the caller's, and is valid until the function returns. Copy
 * what you keep. Views are not terminated by a zero byte; an empty one may have a null ptr. Text is
 * valid UTF-8 without U+0000. The instance is the plugin's.
 *
 * Threads: Bootstrap and Shutdown are called once, alone. Hooks are called on the broker's event
 * loops: for one client in the order of its packets, for different clients at the same time, so what
 * they share needs a lock. A hook must not block: while it runs, every connection of its event loop
 * waits. The functions of mq_host may be called from any thread, at any time.
 *
 * Compatibility: structs with a `size` only ever grow at their tail, and functions are only ever
 * added. A plugin built for 1.x loads into every broker of ABI 1. Before you read a field that says
 * since when it is there, see that `size` reaches beyond it, or refuse to start on an earlier broker
 * (`abi_version` of mq_host). All others may be read as they are.
 */
#ifndef HOOKMQ_PLUGIN_H
#define HOOKMQ_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this file: major in the upper 16 bits, minor in the lower. */
#define MQ_ABI_VERSION ((1u << 16) | 1u)
#define MQ_ABI_VERSION_TEXT "1.1"

#if defined(__GNUC__)
#define MQ_EXPORT __attribute__((visibility("default")))
#else
#define MQ_EXPORT
#endif

/* What a hook answers. A hook that observes, and so decides nothing, answers MQ_CONTINUE. Since 1.1 one
 * that decides may also answer 0x80 to 0xFF: the event does not happen, later plugins are not asked, and
 * the client is told that reason code of MQTT 5, or the nearest that the answering packet can carry.
 * Anything else means that the plugin has failed: use numbers below 0, of which -1 says that it
 * panicked. */
#define MQ_VETO 0     /* the event does not happen; later plugins are not asked; nobody is told */
#define MQ_CONTINUE 1 /* the next plugin is asked, then the event happens */
#define MQ_PENDING 2  /* reserved, not offered yet: counts as a failure */

/* What OnAuth answers besides. MQ_CONTINUE means that the plugin does not know the method. MQ_VETO is
 * 0x87, not authorized. */
#define MQ_AUTHENTICATED 16 /* the client is who it says */
#define MQ_CHALLENGE 17     /* the client is asked for more; another round follows */

/* The parts of an answer: what is handed to `answer` of an event. */
#define MQ_ANSWER_DATA 1u     /* OnAuth: Authentication Data for the client, with either of the two above */
#define MQ_ANSWER_STATE 2u    /* OnAuth, with MQ_CHALLENGE: bytes that the next round has in `state` */
#define MQ_ANSWER_USERNAME 3u /* OnAuth, with MQ_AUTHENTICATED: the client's user name from now on */
#define MQ_ANSWER_REASON 4u   /* with a refusal, and in OnAuth: a text, left out where the client takes none */
#define MQ_ANSWER_THROTTLE 5u /* not in OnAuth, whatever is answered: a uint32_t, how many milliseconds
                               * what the client sends next is not looked at; at most 60000 count */

/* What `answer` returns. */
#define MQ_TAKEN 0      /* the broker has copied it */
#define MQ_UNKNOWN (-1) /* no part that this broker and this hook know; the answer stands without it */
#define MQ_UNFIT (-2)   /* over 65535 bytes, no text, or no uint32_t, where it must be: left out, and a
                         * round of OnAuth has failed */

/* Levels of the log. */
#define MQ_LOG_ERROR 1u
#define MQ_LOG_WARN 2u
#define MQ_LOG_INFO 3u
#define MQ_LOG_DEBUG 4u
#define MQ_LOG_TRACE 5u

/* ---- values ---- */

/* Bytes or text. */
typedef struct mq_view {
    const uint8_t *ptr;
    size_t len;
} mq_view;

/* A view of a string literal. */
#define MQ_TEXT(literal) ((mq_view){(const uint8_t *)(literal), sizeof(literal) - 1})

typedef struct mq_address {
    uint16_t family;   /* 4, 6, or 0 where the connection is no IP connection */
    uint16_t port;     /* in the byte order of the machine */
    uint32_t scope;    /* of a link-local IPv6 address, else 0 */
    uint8_t bytes[16]; /* in network order; IPv4 uses the first four */
} mq_address;

typedef struct mq_client {
    uint32_t size;
    uint8_t protocol;     /* 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0 */
    uint8_t has_username; /* 0 or 1, as all flags */
    uint8_t reserved[2];
    mq_view client_id; /* the assigned one if the client sent none */
    mq_view username;
    mq_view listener; /* as tcp://127.0.0.1:1883 */
    mq_address peer;  /* the client's end of the connection */
    mq_address local; /* the broker's end */
} mq_client;

/* Takes a part of the answer, an MQ_ANSWER_ number and its value; pass `answer_ctx` of the event back as it
 * is. To be called while the hook runs, and not later. Copies the value; of two for one part the later one
 * counts. A part that the answer has no use for is ignored. */
typedef int32_t (*mq_answer)(const void *answer_ctx, uint32_t part, mq_view value);

/* ---- events ----
 * `answer_ctx` and `answer` are there since 1.1. In a hook that observes, `answer` takes nothing.
 * `properties` is the property block of the packet (MQTT 5.0, section 2.2.2.2), validated, without
 * its length; empty before 5.0. */

typedef struct mq_socket_open {
    uint32_t size;
    uint32_t reserved;
    mq_view listener;
    mq_address peer;
    mq_address local;
    const void *answer_ctx;
    mq_answer answer;
} mq_socket_open;

typedef struct mq_before_connect {
    uint32_t size;
    uint8_t clean_start; /* Clean Session in MQTT 3.1.1 */
    uint8_t has_password;
    uint8_t has_will;
    uint8_t reserved;
    uint32_t session_expiry; /* seconds; 0xFFFFFFFF is for ever */
    uint16_t keep_alive;     /* seconds; 0 is off */
    uint16_t reserved_too;
    const mq_client *client;
    mq_view password; /* need not be text */
    mq_view will_topic;
    mq_view properties;
    mq_view authentication_method; /* since 1.1: by which OnAuth has authenticated it; else empty */
    const void *answer_ctx;
    mq_answer answer;
} mq_before_connect;

typedef struct mq_connect {
    uint32_t size;
    uint8_t session_present; /* a session is resumed, with its subscriptions */
    uint8_t clean_start;
    uint8_t reserved[2];
    const mq_client *client;
    const void *answer_ctx;
    mq_answer answer;
} mq_connect;

typedef struct mq_publish {
    uint32_t size;
    uint8_t qos;
    uint8_t retain;
    uint8_t dup;
    uint8_t origin; /* 0 a client, 1 a client's will; more to come */
    const mq_client *client;
    mq_view topic;
    mq_view payload;
    mq_view properties;
    const void *answer_ctx;
    mq_answer answer;
} mq_publish;

typedef struct mq_subscribe {
    uint32_t size;
    uint8_t qos; /* that was asked for */
    uint8_t no_local;
    uint8_t retain_as_published;
    uint8_t retain_handling; /* 0, 1 or 2 */
    const mq_client *client;
    mq_view filter; /* of a shared one what stands behind its name: a/# of $share/name/a/# */
    mq_view properties;
    mq_view whole_filter; /* since 1.1: as the client wrote it; tells its subscriptions apart */
    const void *answer_ctx;
    mq_answer answer;
} mq_subscribe;

typedef struct mq_unsubscribe {
    uint32_t size;
    uint32_t reserved;
    const mq_client *client;
    mq_view filter; /* as in mq_subscribe */
    mq_view whole_filter; /* since 1.1: as in mq_subscribe */
    const void *answer_ctx;
    mq_answer answer;
} mq_unsubscribe;

typedef struct mq_disconnect {
    uint32_t size;
    uint8_t graceful;     /* the client sent DISCONNECT */
    uint8_t reason_code;  /* of MQTT 5.0: the client's if graceful, else the broker's */
    uint8_t session_kept; /* the session stays, with its subscriptions */
    uint8_t reserved;
    const mq_client *client;
    mq_view reason; /* in words, for a log */
} mq_disconnect;

/* Since 1.1, as a whole. A round of enhanced authentication (MQTT 5.0, section 4.12). */
typedef struct mq_auth {
    uint32_t size;
    uint16_t round;           /* 1 in the first of an exchange */
    uint8_t reauthentication; /* the client is connected already */
    uint8_t has_data;
    const mq_client *client; /* its user name is what CONNECT says: nobody has checked it before */
    mq_view method;
    mq_view data;       /* Authentication Data; need not be text */
    mq_view state;      /* what was given as MQ_ANSWER_STATE in the round before; else empty */
    mq_view properties; /* of the CONNECT or AUTH packet */
    const void *answer_ctx;
    mq_answer answer;
} mq_auth;

/* ---- what a plugin may call ----
 * Valid until the process ends. Pass `ctx` back as it is. */

typedef struct mq_host {
    uint32_t size;
    uint32_t abi_version; /* the broker's */
    void *ctx;
    /* Writes a line to the broker's log, under the plugin's name. `target` (a part of the plugin) and
     * `file` may be empty, `line` 0. */
    void (*log)(void *ctx, uint32_t level, mq_view target, mq_view message, mq_view file,
                uint32_t line);
    /* The most detailed level that the log takes; 0 is off. */
    uint32_t (*max_level)(void *ctx);
} mq_host;

/* ---- what a plugin implements ----
 * PluginAbiVersion must be there. Everything else is optional, and costs nothing if it is not. */

/* Returns MQ_ABI_VERSION. */
MQ_EXPORT uint32_t PluginAbiVersion(void);

/* Once, while loading, before any hook; may block. `config_json` is the plugin's own section of
 * config.yml, {} if it has none. Stores the plugin's state, if it has any, in `*instance`; every other
 * function gets it back. Returns 0; anything else keeps the broker from starting (or the plugin out,
 * if it is `optional`), and the last line that was logged at MQ_LOG_ERROR tells the user why. */
MQ_EXPORT int32_t Bootstrap(const mq_host *host, mq_view config_json, void **instance);

/* A connection was accepted; nothing was read. Veto, refusal or failure closes it. */
MQ_EXPORT int32_t OnSocketOpen(void *instance, const mq_socket_open *event);

/* Since 1.1. A CONNECT with an Authentication Method was read, or an AUTH packet of such a client. The
 * plugin that answers the first round with something else than MQ_CONTINUE is asked in every later one,
 * alone. Veto or failure refuses the client, and disconnects one that is connected. */
MQ_EXPORT int32_t OnAuth(void *instance, const mq_auth *event);

/* CONNECT was read, and what OnAuth has to ask is answered; there is no session yet. Veto or failure
 * refuses the client with 0x87, a refusal with its code, in CONNACK. */
MQ_EXPORT int32_t OnBeforeConnect(void *instance, const mq_before_connect *event);

/* The session is ready, CONNACK is sent. Veto or failure disconnects the client with 0x87, a refusal with
 * its code. */
MQ_EXPORT int32_t OnConnect(void *instance, const mq_connect *event);

/* A filter of a SUBSCRIBE; each comes on its own. Veto, refusal or failure keeps it from being registered;
 * after a refusal SUBACK has its code. */
MQ_EXPORT int32_t OnBeforeSubscribe(void *instance, const mq_subscribe *event);

/* The filter is registered; it may replace a subscription of that client and filter. Observes. */
MQ_EXPORT int32_t OnSubscribe(void *instance, const mq_subscribe *event);

/* A filter of an UNSUBSCRIBE. Veto or refusal keeps the subscription, the latter with its code in UNSUBACK;
 * a failure does not. */
MQ_EXPORT int32_t OnBeforeUnsubscribe(void *instance, const mq_unsubscribe *event);

/* A subscription that existed is gone at its client's wish. Observes. */
MQ_EXPORT int32_t OnUnsubscribe(void *instance, const mq_unsubscribe *event);

/* A PUBLISH was read from a client; not for wills. Observes. */
MQ_EXPORT int32_t OnMessage(void *instance, const mq_publish *event);

/* A message or a will, before it is kept or routed. Veto or failure keeps it from everybody; the
 * client's acknowledgement is the normal one. A refusal too; PUBACK or PUBREC has its code. */
MQ_EXPORT int32_t OnBeforePublish(void *instance, const mq_publish *event);

/* The message or will is routed. Observes. */
MQ_EXPORT int32_t OnPublish(void *instance, const mq_publish *event);

/* A connected client is gone, whoever ended it; if another connection takes over its client id, before
 * that one's OnConnect. Not for a client that never connected. Observes. */
MQ_EXPORT int32_t OnDisconnect(void *instance, const mq_disconnect *event);

/* Once, when the broker stops. No hook is running and none will be called: free the instance. May
 * block, but not for long. */
MQ_EXPORT void Shutdown(void *instance);

#ifdef __cplusplus
}
#endif

/* ---- the manifest ----
 * MQ_PLUGIN stands once, outside of functions, with four string literals and a semicolon:
 *
 *     MQ_PLUGIN("my-plugin", "1.0.0", "MIT", "Does this and that");
 *
 * It defines PluginAbiVersion, and puts name, version, licence (as in SPDX) and what the plugin does
 * into the library, where `hookmq plugin check` and `hookmq plugin list` read them without loading it.
 * That is an ELF note of the owner "hookmq" and the kind 1 in the section .note.hookmq: a list of
 * key=value, each ended by a zero byte. */
#define MQ_PLUGIN(name, version, license, description)                                              \
    uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }                                      \
    MQ_NOTE("name=" name "\0version=" version "\0plugin-abi=" MQ_ABI_VERSION_TEXT                   \
            "\0license=" license "\0description=" description)

#if defined(__ELF__) && defined(__GNUC__)
#define MQ_NOTE(fields)                                                                             \
    __attribute__((used, section(".note.hookmq"), aligned(4))) static const struct mq_note {        \
        uint32_t owner_size, size, kind;                                                            \
        char owner[8], text[sizeof(fields)];                                                        \
    } mq_note = {7, sizeof(fields), 1, "hookmq", fields}
#else
#define MQ_NOTE(fields) struct mq_note
#endif

#endif
