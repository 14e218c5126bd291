// What MQTT 5 alone has.
'use strict';

const assert = require('node:assert/strict');

const { Peer } = require('./peer');
const { BYTES } = require('./scenarios');

async function properties_arrive_as_they_were_sent(broker) {
    const subscriber = await Peer.connect(broker, 'subscriber');
    const publisher = await Peer.connect(broker, 'publisher');
    await subscriber.subscribe('a');
    // The library keeps the order of names, and of the values of one name.
    const userProperties = { b: ['1', '2', '1'], a: ['2', ''], '': 'grün' };
    const properties = {
        payloadFormatIndicator: true,
        contentType: 'application/json',
        responseTopic: 'answers/a',
        correlationData: BYTES,
        userProperties,
    };
    for (const qos of [0, 1, 2]) {
        await publisher.publish('a', '{}', qos, properties);
        const came = (await subscriber.expect('a', '{}', qos)).properties;
        assert.deepEqual({ ...came.userProperties }, userProperties);
        assert.deepEqual(Object.keys(came.userProperties), ['b', 'a', '']);
        assert.deepEqual({ ...came, userProperties }, properties);
    }
}

async function a_request_gets_its_answer(broker) {
    const client = await Peer.connect(broker, 'client');
    const service = await Peer.connect(broker, 'service');
    await client.subscribe('answers/client');
    await service.subscribe('service');
    for (let number = 0; number < 10; number++) {
        const correlationData = Buffer.from([0, number]);
        const sent = { responseTopic: 'answers/client', correlationData };
        await client.publish('service', String(number), 1, sent);
        const { payload, properties } = await service.message();
        const answer = { correlationData: properties.correlationData };
        await service.publish(properties.responseTopic, `answer to ${payload}`, 1, answer);
        const came = await client.expect('answers/client', `answer to ${number}`, 1);
        assert.deepEqual(came.properties.correlationData, correlationData);
    }
}

async function a_message_brings_the_rest_of_its_life(broker) {
    const publisher = await Peer.connect(broker, 'publisher');
    let client = await Peer.connect(broker, 'client', { keepSession: true });
    await client.subscribe('a');
    await client.leave();
    const expires = { messageExpiryInterval: 1000 };
    await publisher.publish('a', 'queued', 1, expires);
    await publisher.publish('a', 'kept', 1, { retain: true, ...expires });
    client = await Peer.connect(broker, 'client', { keepSession: true });
    const check = (message) => {
        const rest = message.properties.messageExpiryInterval;
        assert.ok(rest > 900 && rest <= 1000, String(rest));
    };
    check(await client.expect('a', 'queued', 1));
    check(await client.expect('a', 'kept', 1));
    await client.subscribe('a');
    check(await client.expect('a', 'kept', 1, true));
}

async function a_message_expires(broker) {
    const publisher = await Peer.connect(broker, 'publisher');
    let client = await Peer.connect(broker, 'client', { keepSession: true });
    await client.subscribe('queue');
    await client.leave();
    await publisher.publish('queue', 'short', 1, { messageExpiryInterval: 1 });
    await publisher.publish('queue', 'long', 1, { messageExpiryInterval: 1000 });
    const kept = { retain: true, messageExpiryInterval: 2 };
    await publisher.publish('retained', 'short', 1, kept);
    // Asked for again and again until it is not there any more; the one that waits expired before.
    for (;;) {
        await publisher.subscribe('retained');
        await publisher.publish('retained', 'marker');
        if ((await publisher.message()).payload.toString() === 'marker') {
            break;
        }
        await publisher.expect('retained', 'marker', 1);
    }
    client = await Peer.connect(broker, 'client', { keepSession: true });
    await client.expect('queue', 'long', 1);
}

async function no_local_spares_the_sender(broker) {
    const peer = await Peer.connect(broker, 'client');
    const other = await Peer.connect(broker, 'other');
    await peer.subscribe('a', 2, { nl: true });
    await peer.publish('a', 'own');
    await other.publish('a', 'of another');
    await peer.expect('a', 'of another', 1);
}

async function retain_as_published_keeps_the_flag(broker) {
    const publisher = await Peer.connect(broker, 'publisher');
    const keeps = await Peer.connect(broker, 'keeps');
    const clears = await Peer.connect(broker, 'clears');
    await keeps.subscribe('a', 2, { rap: true });
    await clears.subscribe('a', 2, { rap: false });
    for (const retain of [true, false]) {
        await publisher.publish('a', 'x', 1, { retain });
        await keeps.expect('a', 'x', 1, retain);
        await clears.expect('a', 'x', 1, false);
    }
}

async function retain_handling_says_when_retained_messages_come(broker) {
    const publisher = await Peer.connect(broker, 'publisher');
    await publisher.publish('a', 'kept', 1, { retain: true });
    // For each handling: whether they come with a new subscription, and with a repeated one.
    for (const [rh, comes] of [[0, [true, true]], [1, [true, false]], [2, [false, false]]]) {
        const subscriber = await Peer.connect(broker, 'subscriber');
        for (const comesNow of comes) {
            await subscriber.subscribe('a', 2, { rh });
            if (comesNow) {
                await subscriber.expect('a', 'kept', 1, true);
            }
            await publisher.publish('a', 'marker');
            await subscriber.expect('a', 'marker', 1);
        }
        await subscriber.leave();
    }
}

async function reason_codes_reach_the_client(broker) {
    const peer = await Peer.connect(broker, 'client');
    for (const qos of [0, 1, 2]) {
        assert.deepEqual(await peer.subscribe('a', qos), [qos]);
    }
    assert.equal((await peer.publish('a', 'heard')).reasonCode ?? 0, 0);
    assert.deepEqual(await peer.unsubscribe('a'), [0]);
    // No subscription existed.
    assert.deepEqual(await peer.unsubscribe('a'), [0x11]);
    // Quota exceeded: more filters in one SUBSCRIBE than config.yml allows.
    const filters = Array.from({ length: 101 }, (_, number) => String(number));
    await assert.rejects(peer.subscribe(filters), /Quota exceeded/);
}

async function the_broker_names_a_client_without_a_name(broker) {
    const [one, other] = [await Peer.connect(broker, ''), await Peer.connect(broker, '')];
    const names = [one, other].map((peer) => peer.connack.properties.assignedClientIdentifier);
    assert.ok(names[0] && names[1] && names[0] !== names[1], String(names));
}

async function a_client_may_ask_for_its_will(broker) {
    const watcher = await Peer.connect(broker, 'watcher');
    await watcher.subscribe('will');
    const properties = { contentType: 'text/plain', userProperties: { a: '1' } };
    const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false, properties };
    const client = await Peer.connect(broker, 'client', { will });
    await client.leave({ reasonCode: 0x04 });
    const came = (await watcher.expect('will', 'gone', 1)).properties;
    assert.equal(came.contentType, 'text/plain');
    assert.deepEqual({ ...came.userProperties }, { a: '1' });
}

async function topic_aliases_change_nothing(broker) {
    // How many there may be, each side tells the other.
    const properties = { topicAliasMaximum: 5 };
    const subscriber = await Peer.connect(broker, 'subscriber', { properties });
    const publisher = await Peer.connect(broker, 'publisher', { autoAssignTopicAlias: true });
    await subscriber.subscribe('#');
    for (let number = 0; number < 60; number++) {
        const [topic, qos] = [`topic/${number % 20}`, number % 3];
        await publisher.publish(topic, String(number), qos);
        const came = await subscriber.message();
        assert.deepEqual([came.topic, came.payload.toString(), came.qos], [topic, String(number), qos]);
    }
}

module.exports = {
    properties_arrive_as_they_were_sent,
    a_request_gets_its_answer,
    a_message_brings_the_rest_of_its_life,
    a_message_expires,
    no_local_spares_the_sender,
    retain_as_published_keeps_the_flag,
    retain_handling_says_when_retained_messages_come,
    reason_codes_reach_the_client,
    the_broker_names_a_client_without_a_name,
    a_client_may_ask_for_its_will,
    topic_aliases_change_nothing,
};
