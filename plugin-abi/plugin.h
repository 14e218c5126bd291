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
 * waits. One that has to says so in Bootstrap, by `blocking` of mq_host, and is called on a thread for
 * that. If it has not returned by its deadline, or by the end of the connection, others are called for the
 * same client meanwhile, OnDisconnect too; so they are beside OnWill. No hook is called so because it is
 * slow: the plugin says it, or the operator (`blocking: true`). The functions of mq_host may be called from
 * any thread, at any time.
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
#define MQ_PENDING 2  /* since 1.1, after `defer` of mq_host: the answer comes later, by `complete` */

/* What OnAuth answers besides. MQ_CONTINUE means that the plugin does not know the method. MQ_VETO is
 * 0x87, not authorized. */
#define MQ_AUTHENTICATED 16 /* the client is who it says */
#define MQ_CHALLENGE 17     /* the client is asked for more; another round follows */

/* The parts of an answer: what is handed to `answer` of an event. */
#define MQ_ANSWER_DATA 1u     /* OnAuth: Authentication Data for the client, with either of the two above */
#define MQ_ANSWER_STATE 2u    /* OnAuth, with MQ_CHALLENGE: bytes that the next round has in `state` */
#define MQ_ANSWER_USERNAME 3u /* OnAuth, with MQ_AUTHENTICATED, and OnBeforeConnect: the client's user
                               * name from now on */
#define MQ_ANSWER_REASON 4u   /* with a refusal, and in OnAuth: a text, left out where the client takes none */
#define MQ_ANSWER_THROTTLE 5u /* not in OnAuth, whatever is answered: a uint32_t, how many milliseconds
                               * what the client sends next is not looked at; at most 60000 count */

/* Parts that change the event, for the plugins behind and for what follows; all since 1.1. They count if
 * the hook then answers MQ_CONTINUE. Whoever was asked before a changed topic, filter, client id or user
 * name is asked again about it, with `asked_again` 1, and can change nothing then. */
#define MQ_ANSWER_TOPIC 6u            /* publish, will: another topic name */
#define MQ_ANSWER_PAYLOAD 7u          /* publish, will, deliver: another payload */
#define MQ_ANSWER_QOS 8u              /* publish, will, deliver (only lower): one byte */
#define MQ_ANSWER_RETAIN 9u           /* publish, will: one byte, 0 or 1 */
#define MQ_ANSWER_SET_PROPERTY 10u    /* publish, will, deliver: a property as it stands in a packet; a
                                       * user property is added, another replaces that of its kind */
#define MQ_ANSWER_REMOVE_PROPERTY 11u /* the same: an identifier; that of user properties, 0x26, is
                                       * followed by the name of those that are to go */
#define MQ_ANSWER_FILTER 12u          /* subscribe, unsubscribe: another filter, $share/name/ included */
#define MQ_ANSWER_OPTIONS 13u         /* subscribe: the byte of Subscription Options */
#define MQ_ANSWER_CLIENT_ID 14u       /* before connect */
#define MQ_ANSWER_SESSION_EXPIRY 15u  /* before connect: a uint32_t, seconds */
#define MQ_ANSWER_KEEP_ALIVE 16u      /* before connect: a uint16_t, seconds */
#define MQ_ANSWER_CONNACK_PROPERTY 17u /* before connect: a property for CONNACK, as it stands there: a user
                                        * property, Response Information or Server Reference */
#define MQ_ANSWER_KEPT 18u            /* publish, will: one byte; 0: the message need not be kept, so that its
                                       * sender does not wait for the store, and it is gone when the broker
                                       * ends. At QoS 2, and as the retained message of its topic, it is kept
                                       * in any case. 1: as the broker would */

/* What `answer` returns. */
#define MQ_TAKEN 0      /* the broker has copied it */
#define MQ_UNKNOWN (-1) /* no part that this broker and this hook know; the answer stands without it */
#define MQ_UNFIT (-2)   /* over 65535 bytes, no text, or no uint32_t, where it must be: left out, and a
                         * round of OnAuth has failed */
#define MQ_CLOSED (-3)  /* the plugin is asked again, and can change nothing; or, of `blocking`: nobody
                         * can wait for this hook */

/* What functions of mq_host answer besides the three above; 0 is that it is accepted. */
#define MQ_NOT_GRANTED (-4) /* the operator has not granted the capability */
#define MQ_FULL (-5)        /* there is no room now */
#define MQ_TOO_DEEP (-6)    /* plugins' hooks have led from one message to the next too often */
#define MQ_STOPPING (-7)    /* the broker stops */
#define MQ_NOT_THERE (-8)   /* there is no such client, key or ticket */

/* `origin` of an event: who has brought it about. More to come. */
#define MQ_ORIGIN_CLIENT 0
#define MQ_ORIGIN_WILL 1
#define MQ_ORIGIN_PLUGIN 2 /* its name is `source` */
#define MQ_ORIGIN_BROKER 3

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
    uint32_t origin;      /* since 1.1: MQ_ORIGIN_CLIENT and its like */
    uint32_t asked_again; /* since 1.1: 1 if a plugin behind has changed what is decided by */
    mq_view source;       /* since 1.1: the name of the plugin, where the origin is one */
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
    uint32_t origin;      /* since 1.1: MQ_ORIGIN_CLIENT and its like */
    uint32_t asked_again; /* since 1.1: 1 if a plugin behind has changed what is decided by */
    mq_view source;       /* since 1.1: the name of the plugin, where the origin is one */
    mq_view original_client_id; /* since 1.1: before a plugin has changed it */
    mq_view original_username;
    mq_view will_payload; /* since 1.1, as all of the will */
    mq_view will_properties;
    uint32_t will_qos;
    uint32_t will_retain;
} mq_before_connect;

typedef struct mq_connect {
    uint32_t size;
    uint8_t session_present; /* a session is resumed, with its subscriptions */
    uint8_t clean_start;
    uint8_t reserved[2];
    const mq_client *client;
    const void *answer_ctx;
    mq_answer answer;
    uint32_t origin;      /* since 1.1: MQ_ORIGIN_CLIENT and its like */
    uint32_t asked_again; /* since 1.1: 1 if a plugin behind has changed what is decided by */
    mq_view source;       /* since 1.1: the name of the plugin, where the origin is one */
} mq_connect;

typedef struct mq_publish {
    uint32_t size;
    uint8_t qos;
    uint8_t retain;
    uint8_t dup;
    uint8_t origin; /* MQ_ORIGIN_CLIENT and its like */
    const mq_client *client;
    mq_view topic;
    mq_view payload;
    mq_view properties;
    const void *answer_ctx;
    mq_answer answer;
    uint32_t asked_again; /* since 1.1: 1 if a plugin behind has changed the topic */
    uint32_t depth; /* since 1.1: how many hooks of plugins have led from a message to this one */
    mq_view source; /* since 1.1: the name of the plugin, where the origin is one */
    mq_view original_topic; /* since 1.1: before a plugin has changed it */
    uint64_t payload_len; /* since 1.1: also where the plugin has no interest in payloads */
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
    uint32_t origin;      /* since 1.1: MQ_ORIGIN_CLIENT and its like */
    uint32_t asked_again; /* since 1.1: 1 if a plugin behind has changed what is decided by */
    mq_view source;       /* since 1.1: the name of the plugin, where the origin is one */
    mq_view original_filter; /* since 1.1: the whole one before a plugin has changed it */
} mq_subscribe;

typedef struct mq_unsubscribe {
    uint32_t size;
    uint32_t reserved;
    const mq_client *client;
    mq_view filter; /* as in mq_subscribe */
    mq_view whole_filter; /* since 1.1: as in mq_subscribe */
    const void *answer_ctx;
    mq_answer answer;
    uint32_t origin;      /* since 1.1: MQ_ORIGIN_CLIENT and its like */
    uint32_t asked_again; /* since 1.1: 1 if a plugin behind has changed what is decided by */
    mq_view source;       /* since 1.1: the name of the plugin, where the origin is one */
    mq_view original_filter; /* since 1.1: as in mq_subscribe */
} mq_unsubscribe;

typedef struct mq_disconnect {
    uint32_t size;
    uint8_t graceful;     /* the client sent DISCONNECT */
    uint8_t reason_code;  /* of MQTT 5.0: the client's if graceful, else the broker's */
    uint8_t session_kept; /* the session stays, with its subscriptions */
    uint8_t reserved;
    const mq_client *client;
    mq_view reason; /* in words, for a log */
    uint32_t origin;      /* since 1.1: MQ_ORIGIN_CLIENT and its like */
    uint32_t reserved_too;
    mq_view source;       /* since 1.1: the name of the plugin, where the origin is one */
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
    uint32_t origin;      /* MQ_ORIGIN_CLIENT and its like */
    uint32_t asked_again; /* 1 if a plugin behind has changed what is decided by */
    mq_view source;       /* the name of the plugin, where the origin is one */
} mq_auth;

/* Since 1.1, as a whole. A message on its way to one receiver. */
typedef struct mq_deliver {
    uint32_t size;
    uint8_t qos;      /* that the receiver gets it with */
    uint8_t retain;   /* as the receiver sees it */
    uint8_t retained; /* it was kept for a new subscriber, and is not just being published */
    uint8_t origin;
    const mq_client *client; /* the receiver; of one that is away, as it last was */
    mq_view publisher;       /* its client id; empty if that is not known any more */
    mq_view topic;
    mq_view payload;
    mq_view properties; /* that it was published with */
    mq_view share;      /* the filter of the shared subscription by which it is received, or empty */
    mq_view source;
    uint64_t payload_len; /* also where the plugin has no interest in payloads */
    const void *answer_ctx;
    mq_answer answer;
} mq_deliver;

/* Since 1.1, as a whole. A message that one receiver does not get. */
typedef struct mq_dropped {
    uint32_t size;
    uint8_t qos;
    uint8_t retain;
    uint8_t reason; /* MQ_DROPPED_QUEUE_FULL and its like */
    uint8_t reserved;
    const mq_client *client; /* who does not get it */
    mq_view topic;
    mq_view payload;
    mq_view properties;
    uint64_t payload_len;
} mq_dropped;

#define MQ_DROPPED_QUEUE_FULL 1
#define MQ_DROPPED_EXPIRED 2
#define MQ_DROPPED_TOO_LARGE 3     /* for the receiver */
#define MQ_DROPPED_VETOED 4        /* in OnBeforeDeliver */
#define MQ_DROPPED_NOT_TAKEN 5     /* QoS 0 does not wait for who is away or slow */
#define MQ_DROPPED_SESSION_ENDED 6 /* that it waited in */
#define MQ_DROPPED_REFUSED 7       /* acknowledged with an error */

/* Since 1.1, as a whole. */
typedef struct mq_session {
    uint32_t size;
    uint32_t change; /* MQ_SESSION_CREATED and its like */
    const mq_client *client;
    uint32_t origin;
    uint32_t reserved;
    mq_view source;
} mq_session;

#define MQ_SESSION_CREATED 1
#define MQ_SESSION_RESUMED 2
#define MQ_SESSION_TAKEN_OVER 3
#define MQ_SESSION_EXPIRED 4
#define MQ_SESSION_DELETED 5 /* with its connection, or by a clean start */

/* Since 1.1, as a whole. */
typedef struct mq_tick {
    uint32_t size;
    uint32_t reserved;
    uint64_t id; /* what was given to `timer_set` */
} mq_tick;

/* ---- what a plugin may call ----
 * Valid until the process ends. Pass `ctx` back as it is. Functions from `publish` on are there since 1.1:
 * see that `size` reaches beyond them. All copy what they are given; none blocks. What changes something
 * is checked at once and done soon, in the order of the plugin's calls. ABI.md says more of each. */

typedef struct mq_message {
    uint32_t size; /* sizeof(mq_message) */
    uint8_t qos;
    uint8_t retain;
    uint8_t reserved[2]; /* zero */
    mq_view topic;
    mq_view payload;
    mq_view properties; /* of a PUBLISH, without their length */
} mq_message;

typedef struct mq_client_info {
    uint32_t size;
    uint32_t connected; /* 0: its session is kept, and `client` tells of the last time */
    const mq_client *client;
    uint64_t since; /* seconds since it connected, or went */
    uint64_t queued; /* messages that wait for it */
    uint64_t queued_bytes;
} mq_client_info;

typedef struct mq_subscription_info {
    uint32_t size;
    uint32_t options; /* the byte of a SUBSCRIBE packet */
    mq_view client_id;
    mq_view filter; /* the whole one; in `receivers` empty where several match together */
    uint32_t identifier; /* or 0 */
    uint32_t reserved;
} mq_subscription_info;

/* A part of an answer that comes later. */
typedef struct mq_part {
    uint32_t part; /* MQ_ANSWER_REASON and its like */
    uint32_t reserved;
    mq_view value;
} mq_part;

/* Are shown something while the call lasts; return 1 to be shown more, 0 for no more. */
typedef int32_t (*mq_visit_message)(void *user, const mq_message *message);
typedef int32_t (*mq_visit_client)(void *user, const mq_client_info *client);
typedef int32_t (*mq_visit_subscription)(void *user, const mq_subscription_info *subscription);
typedef int32_t (*mq_visit_value)(void *user, mq_view value);
typedef int32_t (*mq_visit_pair)(void *user, mq_view key, mq_view value);

/* Flags of `disconnect`. */
#define MQ_WITHOUT_WILL 1u
#define MQ_CLEAR_SESSION 2u

/* Scopes of attributes. */
#define MQ_OF_CONNECTION 0u
#define MQ_OF_SESSION 1u

/* Kinds of metrics, and their changes. */
#define MQ_COUNTER 1u
#define MQ_GAUGE 2u
#define MQ_HISTOGRAM 3u
#define MQ_ADD 1u     /* to a counter or gauge */
#define MQ_SET 2u     /* a gauge */
#define MQ_OBSERVE 3u /* a value of a histogram */

/* For `interest`. */
#define MQ_INTEREST_TOPIC 1u      /* a topic filter; several add up */
#define MQ_INTEREST_LISTENER 2u   /* as tcp://127.0.0.1:1883; several add up */
#define MQ_INTEREST_NO_PAYLOAD 3u /* payloads are empty in events; payload_len stays */

/* For `folder`. */
#define MQ_FOLDER_OF_CONFIG 0u /* where the config file is; relative paths of plugins begin there */
#define MQ_FOLDER_OF_DATA 1u   /* for files of the plugin's own; it is there */

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
    /* Publishes a message as the plugin, whose hooks are asked too. In a hook it is one deeper than the event
     * at hand; MQ_TOO_DEEP above plugin_publish_depth of the config. Capability: publish; with retain
     * also write-retained. */
    int32_t (*publish)(void *ctx, const mq_message *message);
    /* Sends a message to one client, subscribed or not; at QoS 1 or 2 it waits for one that is away. Only
     * OnBeforeDeliver is asked. Capability: publish. */
    int32_t (*publish_to)(void *ctx, mq_view client_id, const mq_message *message);
    /* Keeps a message for future subscribers without publishing it; one without payload clears its topic.
     * Capability: write-retained. */
    int32_t (*retain)(void *ctx, const mq_message *message);
    /* Shows the retained messages that match a filter; a topic name is one. Returns how many were shown.
     * Capability: read-retained. */
    int64_t (*each_retained)(void *ctx, mq_view filter, void *user, mq_visit_message visit);
    /* Ends a client's connection, with a reason code of 0x80 or more and words for the client, which may be
     * empty; with MQ_CLEAR_SESSION also the session of one that is away. Capability: kick. */
    int32_t (*disconnect)(void *ctx, mq_view client_id, uint32_t reason_code, mq_view words,
                          uint32_t flags);
    /* Subscribes for a client, connected or away; other plugins are asked. Capability: subscribe. */
    int32_t (*subscribe)(void *ctx, mq_view client_id, mq_view filter, uint32_t options,
                         uint32_t identifier);
    /* The reverse. */
    int32_t (*unsubscribe)(void *ctx, mq_view client_id, mq_view filter);
    /* Shows all clients and sessions, or the one of that client id. Returns how many. Capability: read-
     * clients. */
    int64_t (*each_client)(void *ctx, mq_view client_id, void *user, mq_visit_client visit);
    /* Shows all subscriptions, or those of a client id. Capability: read-clients. */
    int64_t (*each_subscription)(void *ctx, mq_view client_id, void *user,
                                 mq_visit_subscription visit);
    /* Shows whom a message to a topic would go to now. Capability: read-clients. */
    int64_t (*receivers)(void *ctx, mq_view topic, void *user, mq_visit_subscription visit);
    /* Notes something at a client, for this plugin alone; an empty value removes it. MQ_OF_CONNECTION takes
     * one that is connected. In memory. */
    int32_t (*attribute_set)(void *ctx, mq_view client_id, uint32_t scope, mq_view key,
                             mq_view value);
    /* Shows it. */
    int32_t (*attribute_get)(void *ctx, mq_view client_id, uint32_t scope, mq_view key, void *user,
                             mq_visit_value visit);
    /* Puts a value into the plugin's durable store, for so many seconds, or for ever with 0. Capability:
     * kv, as for all of the store. */
    int32_t (*kv_set)(void *ctx, mq_view key, mq_view value, uint32_t seconds);
    /* Shows the value of a key. */
    int32_t (*kv_get)(void *ctx, mq_view key, void *user, mq_visit_value visit);
    int32_t (*kv_remove)(void *ctx, mq_view key);
    /* Shows the pairs whose keys begin so, in their order. Returns how many. */
    int64_t (*kv_each)(void *ctx, mq_view prefix, void *user, mq_visit_pair visit);
    /* Has OnTick called in so many milliseconds, and then each `every`, or once if that is 0. A timer of the
     * same id is replaced. OnTick of all plugins runs on one thread. */
    int32_t (*timer_set)(void *ctx, uint64_t id, uint64_t after, uint64_t every);
    int32_t (*timer_cancel)(void *ctx, uint64_t id);
    /* Makes a metric or finds it; labels are name=value, each ended by a zero byte. Returns its number. */
    int64_t (*metric)(void *ctx, uint32_t kind, mq_view name, mq_view labels, mq_view help);
    int32_t (*metric_update)(void *ctx, int64_t number, uint32_t how, double value);
    /* In Bootstrap only: what the plugin is to be called for. `hook` by its name in snake case, empty for
     * all. */
    int32_t (*interest)(void *ctx, mq_view hook, uint32_t kind, mq_view value);
    /* Shows the plugin's own section of config.yml as it is in force, as JSON. */
    int32_t (*config)(void *ctx, void *user, mq_visit_value visit);
    /* Shows the path of a folder. */
    int32_t (*folder)(void *ctx, uint32_t which, void *user, mq_visit_value visit);
    /* In a hook that then answers MQ_PENDING: returns a ticket, or 0 if this hook cannot be answered
     * later. */
    uint64_t (*defer)(void *ctx, const void *answer_ctx, uint32_t milliseconds);
    /* Answers later, from any thread: ticket, answer, parts. MQ_NOT_THERE if it comes too late. */
    int32_t (*complete)(void *ctx, uint64_t ticket, int32_t answer, const mq_part *parts,
                        size_t count);
    /* In Bootstrap only: this hook blocks. It is called on one of the plugin's threads for that, several at a
     * time, and only the client that the event is about waits; after so many milliseconds, or with 0 as
     * the config says, it counts as failed. `hook` by its name in snake case; MQ_CLOSED if nobody can wait
     * for it: only hooks that may answer MQ_PENDING can block. */
    int32_t (*blocking)(void *ctx, mq_view hook, uint32_t milliseconds);
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

/* Since 1.1. A message on its way to one receiver, before it is queued; retained ones too, wills, and what
 * passes from one member of a shared subscription to another. Veto, refusal or failure keeps it from this
 * receiver, and of a shared subscription from all. MQ_PENDING is a failure. Called on the event loop of the
 * publisher. It takes MQ_ANSWER_PAYLOAD, _QOS (a lower one), _SET_PROPERTY and _REMOVE_PROPERTY for this
 * receiver, and MQ_ANSWER_REASON for the log. */
MQ_EXPORT int32_t OnBeforeDeliver(void *instance, const mq_deliver *event);

/* Since 1.1. A receiver has acknowledged a message, by PUBACK or PUBCOMP; one of QoS 0 was written to its
 * socket. `publisher` is empty. On any event loop, at times after OnDisconnect. Observes. */
MQ_EXPORT int32_t OnDelivered(void *instance, const mq_deliver *event);

/* Since 1.1. A receiver does not get a message, or has not acknowledged it when its session ended. On any
 * event loop, at times after OnDisconnect. Observes. */
MQ_EXPORT int32_t OnDropped(void *instance, const mq_dropped *event);

/* Since 1.1. A will is about to be published; OnBeforePublish follows. Veto, refusal or failure keeps it
 * from everybody. */
MQ_EXPORT int32_t OnWill(void *instance, const mq_publish *event);

/* Since 1.1. A session has begun, ended, or found its client again: created and resumed before OnConnect,
 * the others after OnDisconnect; expired and deleted after the will too. Observes. */
MQ_EXPORT int32_t OnSession(void *instance, const mq_session *event);

/* Since 1.1. A timer is due that was set by `timer_set`. On a thread that all plugins share for this: it
 * may block for a moment. Observes. */
MQ_EXPORT int32_t OnTick(void *instance, const mq_tick *event);

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
    MQ_PLUGIN_WITH(name, version, license, description, "")

/* Since 1.1. The same with one argument more, of these, one after the other without commas:
 *
 *     MQ_PLUGIN_WITH("my-plugin", "1.0.0", "MIT", "Does this and that",
 *                    MQ_WANTS("publish kick") MQ_MAY_USE("kv") MQ_REQUIRES("1.1"));
 *
 * MQ_WANTS: capabilities without which the plugin is not loaded, with blanks between them: publish, kick,
 * subscribe, read-clients, read-retained, write-retained, kv, network. MQ_MAY_USE: those that it can do
 * without. Functions of the host say which one they take; without it they return MQ_NOT_GRANTED.
 * MQ_REQUIRES: versions of the ABI that the broker may have; "1.1" is 1.1 and all later 1.x. */
#define MQ_PLUGIN_WITH(name, version, license, description, more)                                   \
    uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }                                      \
    MQ_NOTE("name=" name "\0version=" version "\0plugin-abi=" MQ_ABI_VERSION_TEXT                   \
            "\0license=" license "\0description=" description more)
#define MQ_WANTS(capabilities) "\0wants=" capabilities
#define MQ_MAY_USE(capabilities) "\0may-use=" capabilities
#define MQ_REQUIRES(versions) "\0requires=" versions

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
