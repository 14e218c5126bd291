// A client of the library mqtt.js that does one thing after the other: what comes is kept until the
// scenario asks for it, and whoever waits gives up after DEADLINE.
'use strict';

const assert = require('node:assert/strict');
const mqtt = require('mqtt');

// In milliseconds; far above what anything here takes.
const DEADLINE = 20_000;

// What has come and was not asked for yet, or who has asked and waits.
class Arrivals {
    constructor(what) {
        this.what = what;
        this.come = [];
        this.waiting = [];
    }

    put(value) {
        const resolve = this.waiting.shift();
        if (resolve) {
            resolve(value);
        } else {
            this.come.push(value);
        }
    }

    next() {
        if (this.come.length > 0) {
            return Promise.resolve(this.come.shift());
        }
        return within(new Promise((resolve) => this.waiting.push(resolve)), this.what);
    }
}

function within(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no ${what} within ${DEADLINE} ms`)), DEADLINE);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Connected to the broker. Does not connect again by itself.
class Peer {
    // Options: keepSession, will, acknowledges (false: never at QoS 1 and 2), properties of CONNECT,
    // and those of the library.
    static async connect(broker, clientId, options = {}) {
        const peer = new Peer(broker, clientId, options);
        await peer.connected();
        return peer;
    }

    constructor(broker, clientId, { keepSession = false, acknowledges = true, ...options }) {
        const is5 = broker.version === 5;
        const properties = { ...options.properties };
        if (is5 && keepSession) {
            properties.sessionExpiryInterval = 3600;
        }
        this.broker = broker;
        this.messages = new Arrivals('message');
        this.ends = new Arrivals('end of the connection');
        this.connacks = new Arrivals('CONNACK');
        this.client = mqtt.connect({
            host: broker.host,
            port: broker.port,
            protocol: 'mqtt',
            protocolId: broker.version === 3 ? 'MQIsdp' : 'MQTT',
            protocolVersion: broker.version,
            clientId,
            clean: !keepSession,
            reconnectPeriod: 0,
            ...options,
            properties: is5 ? properties : undefined,
        });
        this.listen(acknowledges);
    }

    listen(acknowledges) {
        const { client } = this;
        client.on('connect', (packet) => this.connacks.put(packet));
        // The packet has the topic as it came, which an alias may stand for.
        client.on('message', (topic, _payload, packet) => this.messages.put({ ...packet, topic }));
        client.on('close', () => this.ends.put(this.disconnect?.reasonCode));
        client.on('disconnect', (packet) => {
            this.disconnect = packet;
        });
        // Refusals come here.
        client.on('error', (error) => this.connacks.put(error));
        if (!acknowledges) {
            // The library acknowledges when it is called back.
            client.handleMessage = () => {};
        }
    }

    // CONNACK, of the first connection or of a further one; fails if it is a refusal.
    async connected() {
        const connack = await this.connacks.next();
        if (connack instanceof Error) {
            throw connack;
        }
        this.connack = connack;
        this.sessionPresent = connack.sessionPresent;
    }

    // Whether the broker has said that there was a session; in 3.1 it does not say.
    expectSession(present) {
        assert.equal(this.sessionPresent, present && this.broker.version > 3);
    }

    // Connects again after an end, with what is not answered yet.
    async reconnect() {
        const { incomingStore, outgoingStore } = this.client;
        this.client.reconnect({ incomingStore, outgoingStore });
        await this.connected();
    }

    // Returns the reason codes, in the order of the filters. Options are those of the library.
    async subscribe(filters, qos = 2, options = {}) {
        const request = this.client.subscribeAsync(filters, { qos, ...options });
        const granted = await within(request, 'SUBACK');
        return granted.map((one) => one.qos);
    }

    // Returns the reason codes; none in 3.1.1.
    async unsubscribe(filter) {
        const answer = await within(this.client.unsubscribeAsync(filter), 'UNSUBACK');
        return answer?.granted ?? [];
    }

    // Returns the broker's answer, at QoS 1 and 2.
    publish(topic, payload, qos = 1, { retain = false, ...properties } = {}) {
        const options = { qos, retain };
        if (Object.keys(properties).length > 0) {
            options.properties = properties;
        }
        return within(this.client.publishAsync(topic, payload, options), 'acknowledgement');
    }

    // The next message, as the library has it.
    message() {
        return this.messages.next();
    }

    // The next message must be this one; returns what the library has of it.
    async expect(topic, payload, qos, retain = false) {
        const message = await this.message();
        const came = { topic: message.topic, qos: message.qos, retain: message.retain };
        assert.deepEqual(came, { topic, qos, retain });
        const wanted = Buffer.from(payload);
        // Not printed whole: it may be large.
        const shown = [message.payload, wanted].map((bytes) => bytes.subarray(0, 100).toString());
        assert.ok(message.payload.equals(wanted), `${shown[0]} came instead of ${shown[1]}`);
        return message;
    }

    // Waits for the end of the connection; the reason code of the broker's DISCONNECT, if it sent one.
    end() {
        return this.ends.next();
    }

    // Says good-bye, and waits until the connection is gone.
    async leave(options = {}) {
        await within(this.client.endAsync(false, options), 'end of the connection');
        await this.end();
    }

    // Ends the connection without a word.
    async cut() {
        this.client.stream.destroy();
        await this.end();
    }
}

module.exports = { Peer };
