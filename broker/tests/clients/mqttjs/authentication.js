// Enhanced authentication, with a broker whose plugin knows the method CHALLENGE: the client says its
// name, and answers a nonce with `NONCE:SECRET`.
'use strict';

const assert = require('node:assert/strict');

const { Peer } = require('./peer');

const METHOD = 'CHALLENGE';

function auth(reasonCode, data) {
    const properties = { authenticationMethod: METHOD, authenticationData: Buffer.from(data) };
    return { cmd: 'auth', reasonCode, properties };
}

// A client that answers with this secret; what the broker asks and says is kept in `told`.
function start(broker, secret) {
    const { properties } = auth(0, 'alice');
    const peer = new Peer(broker, 'client', { properties });
    peer.told = [];
    peer.client.handleAuth = (packet, callback) => {
        const data = packet.properties.authenticationData.toString();
        peer.told.push([packet.reasonCode, packet.properties.reasonString, data]);
        peer.heard?.();
        callback(null, auth(0x18, `${data}:${secret}`));
    };
    return peer;
}

async function a_client_answers_a_challenge(broker) {
    const peer = start(broker, 'a');
    await peer.connected();
    const { authenticationMethod, authenticationData } = peer.connack.properties;
    assert.deepEqual([authenticationMethod, authenticationData.toString()], [METHOD, 'welcome alice']);
    assert.deepEqual(peer.told.map(([code, reason]) => [code, reason]), [[0x18, 'prove it']]);
    await peer.subscribe('a');
    await peer.publish('a', 'x', 2);
    await peer.expect('a', 'x', 2);

    // Again: a challenge, then success.
    const done = new Promise((resolve) => {
        peer.heard = () => peer.told.length === 3 && resolve();
    });
    peer.client._sendPacket(auth(0x19, 'alice'));
    await done;
    assert.deepEqual(peer.told[2], [0, undefined, 'welcome alice']);
    await peer.publish('a', 'y', 1);
    await peer.expect('a', 'y', 1);
    await peer.leave();
}

async function a_wrong_secret_is_refused(broker) {
    await assert.rejects(start(broker, 'b').connected(), /Bad User Name or Password/);
}

module.exports = { a_client_answers_a_challenge, a_wrong_secret_is_refused };
