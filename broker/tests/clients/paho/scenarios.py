"""What holds in all versions."""

from peer import DEADLINE, Peer, Refused, Will

# Every byte, so that nobody takes a payload for text.
BYTES = bytes(range(256))

PAYLOADS = [BYTES, b"", "grün 緑 🟢".encode()]


def every_qos_reaches_every_qos(broker):
    publisher = Peer(broker, "publisher")
    for granted in (0, 1, 2):
        subscriber = Peer(broker, "subscriber")
        assert subscriber.subscribe("a/+", granted) == granted
        for qos in (0, 1, 2):
            for payload in PAYLOADS:
                publisher.publish("a/b", payload, qos)
                subscriber.expect("a/b", payload, min(qos, granted))
        subscriber.disconnect()


def a_client_hears_itself(broker):
    peer = Peer(broker, "client")
    peer.subscribe("#")
    for qos in (0, 1, 2):
        peer.publish("a", BYTES, qos)
        peer.expect("a", BYTES, qos)


def many_messages_come_in_order(broker):
    subscriber, publisher = Peer(broker, "subscriber"), Peer(broker, "publisher")
    subscriber.subscribe("a")
    for qos in (0, 1, 2):
        mids = [publisher.send("a", str(number), qos) for number in range(500)]
        answered = [publisher.answers.get(timeout=DEADLINE)[0] for _ in mids]
        assert sorted(answered) == sorted(mids)
        for number in range(500):
            subscriber.expect("a", str(number).encode(), qos)


def a_large_message_arrives_whole(broker):
    subscriber, publisher = Peer(broker, "subscriber"), Peer(broker, "publisher")
    subscriber.subscribe("a")
    payload = BYTES * 2000
    for qos in (0, 1, 2):
        publisher.publish("a", payload, qos)
        subscriber.expect("a", payload, qos)


def a_retained_message_waits_for_its_subscriber(broker):
    publisher, early = Peer(broker, "publisher"), Peer(broker, "early")
    early.subscribe("a/#")
    # One after the other: libraries hand a QoS 2 message out when it is released, behind later ones.
    publisher.publish("a/b", b"first", 2, retain=True)
    early.expect("a/b", b"first", 2)
    publisher.publish("a/b", b"second", 1, retain=True)
    early.expect("a/b", b"second", 1)
    late = Peer(broker, "late")
    late.subscribe("+/b")
    late.expect("a/b", b"second", 1, retain=True)


def a_retained_message_can_be_cleared(broker):
    publisher, subscriber = Peer(broker, "publisher"), Peer(broker, "subscriber")
    publisher.publish("a", b"kept", 1, retain=True)
    publisher.publish("a", b"", 1, retain=True)
    subscriber.subscribe("a")
    publisher.publish("a", b"marker")
    subscriber.expect("a", b"marker", 1)


def a_client_that_is_cut_off_leaves_its_will(broker):
    watcher = Peer(broker, "watcher")
    watcher.subscribe("will")
    for qos in (0, 1, 2):
        client = Peer(broker, "client", will=Will("will", BYTES, qos, True))
        client.cut()
        watcher.expect("will", BYTES, qos)
        late = Peer(broker, "late")
        late.subscribe("will")
        late.expect("will", BYTES, qos, retain=True)
        late.disconnect()


def a_client_that_disconnects_leaves_no_will(broker):
    watcher = Peer(broker, "watcher")
    watcher.subscribe("will")
    Peer(broker, "client", will=Will("will", b"gone", 1, False)).disconnect()
    # The connection before has come to its end when the next one is let in.
    Peer(broker, "client").publish("will", b"marker")
    watcher.expect("will", b"marker", 1)


def a_kept_session_is_resumed_with_its_messages(broker):
    publisher = Peer(broker, "publisher")
    for qos in (1, 2):
        client = Peer(broker, f"client {qos}", keep_session=True)
        client.expect_session(False)
        client.subscribe("a", qos)
        client.disconnect()
        for number in range(100):
            publisher.publish("a", str(number), qos)
        client = Peer(broker, f"client {qos}", keep_session=True)
        client.expect_session(True)
        for number in range(100):
            client.expect("a", str(number).encode(), qos)


def a_session_that_is_not_kept_is_gone(broker):
    client, publisher = Peer(broker, "client", keep_session=True), Peer(broker, "publisher")
    client.subscribe("a")
    client.disconnect()
    Peer(broker, "client").disconnect()
    publisher.publish("a", b"to nobody")
    client = Peer(broker, "client", keep_session=True)
    client.expect_session(False)
    client.subscribe("b")
    publisher.publish("b", b"marker")
    client.expect("b", b"marker", 1)


def what_was_not_acknowledged_comes_again(broker):
    client = Peer(broker, "client", keep_session=True, acknowledges=False)
    publisher = Peer(broker, "publisher")
    client.subscribe("a")
    publisher.publish("a", BYTES)
    assert not client.expect("a", BYTES, 1).dup
    client.cut()
    client = Peer(broker, "client", keep_session=True)
    client.expect_session(True)
    assert client.expect("a", BYTES, 1).dup


def a_publisher_that_is_cut_off_loses_and_doubles_nothing_at_qos_2(broker):
    subscriber = Peer(broker, "subscriber")
    subscriber.subscribe("a")
    publisher = Peer(broker, "publisher", keep_session=True)
    # When the library connects again it sends all at once: fewer than the broker's Receive Maximum.
    mids = {publisher.send("a", str(number), 2) for number in range(200)}
    answered = [publisher.answers.get(timeout=DEADLINE)[0]]
    publisher.cut()
    publisher.connect()
    publisher.expect_session(True)
    while set(answered) != mids:
        answered.append(publisher.answers.get(timeout=DEADLINE)[0])
    publisher.publish("a", b"marker", 2)
    came = []
    while (payload := subscriber.message().payload) != b"marker":
        came.append(int(payload))
    assert sorted(came) == list(range(200)), came


def an_unsubscribed_client_hears_no_more(broker):
    subscriber, publisher = Peer(broker, "subscriber"), Peer(broker, "publisher")
    subscriber.subscribe("a")
    subscriber.subscribe("b")
    subscriber.unsubscribe("a")
    publisher.publish("a", b"unheard")
    publisher.publish("b", b"marker")
    subscriber.expect("b", b"marker", 1)


def a_client_that_is_taken_over_is_closed(broker):
    first = Peer(broker, "client")
    Peer(broker, "client").publish("a", b"still there")
    by_broker, reason = first.end()
    if broker.version == 5:
        assert (by_broker, reason) == (True, 0x8E), (by_broker, reason)


def a_refused_connection_says_why(broker):
    try:
        Peer(broker, "x" * 1000)
    except Refused as refused:
        # The library shows the return code 2 of older versions as the reason code of MQTT 5.
        assert refused.args == (0x85,), refused
    else:
        raise AssertionError("let in")
