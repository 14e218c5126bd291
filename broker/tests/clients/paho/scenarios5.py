"""What MQTT 5 alone has."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from peer import Peer, Will, properties
from scenarios import BYTES


def properties_arrive_as_they_were_sent(broker):
    subscriber, publisher = Peer(broker, "subscriber"), Peer(broker, "publisher")
    subscriber.subscribe("a")
    user_properties = [("b", "1"), ("a", "2"), ("b", "1"), ("", "grün"), ("a", "")]
    for qos in (0, 1, 2):
        publisher.publish(
            "a",
            "{}",
            qos,
            PayloadFormatIndicator=1,
            ContentType="application/json",
            ResponseTopic="answers/a",
            CorrelationData=BYTES,
            UserProperty=user_properties,
        )
        came = subscriber.expect("a", b"{}", qos).properties
        assert came.UserProperty == user_properties, came
        assert came.PayloadFormatIndicator == 1
        assert came.ContentType == "application/json"
        assert came.ResponseTopic == "answers/a"
        assert came.CorrelationData == BYTES
        assert not hasattr(came, "MessageExpiryInterval")


def a_request_gets_its_answer(broker):
    client, service = Peer(broker, "client"), Peer(broker, "service")
    client.subscribe("answers/client")
    service.subscribe("service")
    for number in range(3):
        sent = {"ResponseTopic": "answers/client", "CorrelationData": bytes([0, number])}
        client.publish("service", str(number), **sent)
        request = service.message()
        answer = b"answer to " + request.payload
        correlation = request.properties.CorrelationData
        service.publish(request.properties.ResponseTopic, answer, CorrelationData=correlation)
        came = client.expect("answers/client", b"answer to %d" % number, 1)
        assert came.properties.CorrelationData == bytes([0, number])


def a_message_brings_the_rest_of_its_life(broker):
    client, publisher = Peer(broker, "client", keep_session=True), Peer(broker, "publisher")
    client.subscribe("a")
    client.disconnect()
    publisher.publish("a", b"queued", MessageExpiryInterval=1000)
    publisher.publish("a", b"kept", retain=True, MessageExpiryInterval=1000)
    client = Peer(broker, "client", keep_session=True)
    for payload in (b"queued", b"kept"):
        came = client.expect("a", payload, 1)
        assert 900 < came.properties.MessageExpiryInterval <= 1000
    client.subscribe("a")
    came = client.expect("a", b"kept", 1, retain=True)
    assert 900 < came.properties.MessageExpiryInterval <= 1000


def a_message_expires(broker):
    client, publisher = Peer(broker, "client", keep_session=True), Peer(broker, "publisher")
    client.subscribe("queue")
    client.disconnect()
    publisher.publish("queue", b"short", MessageExpiryInterval=1)
    publisher.publish("queue", b"long", MessageExpiryInterval=1000)
    publisher.publish("retained", b"short", retain=True, MessageExpiryInterval=2)
    # Asked for again and again until it is not there any more; the one that waits expired before.
    payload = b"short"
    while payload == b"short":
        publisher.subscribe("retained")
        publisher.publish("retained", b"marker")
        payload = publisher.message().payload
        if payload == b"short":
            publisher.expect("retained", b"marker", 1)
    client = Peer(broker, "client", keep_session=True)
    client.expect("queue", b"long", 1)


def no_local_spares_the_sender(broker):
    peer, other = Peer(broker, "client"), Peer(broker, "other")
    peer.subscribe("a", noLocal=True)
    peer.publish("a", b"own")
    other.publish("a", b"of another")
    peer.expect("a", b"of another", 1)


def retain_as_published_keeps_the_flag(broker):
    keeps, clears = Peer(broker, "keeps"), Peer(broker, "clears")
    publisher = Peer(broker, "publisher")
    keeps.subscribe("a", retainAsPublished=True)
    clears.subscribe("a", retainAsPublished=False)
    for retain in (True, False):
        publisher.publish("a", b"x", retain=retain)
        keeps.expect("a", b"x", 1, retain=retain)
        clears.expect("a", b"x", 1, retain=False)


def retain_handling_says_when_retained_messages_come(broker):
    publisher = Peer(broker, "publisher")
    publisher.publish("a", b"kept", retain=True)
    # For each handling: whether they come with a new subscription, and with a repeated one.
    for handling, comes in {0: (True, True), 1: (True, False), 2: (False, False)}.items():
        subscriber = Peer(broker, "subscriber")
        for comes_now in comes:
            subscriber.subscribe("a", retainHandling=handling)
            if comes_now:
                subscriber.expect("a", b"kept", 1, retain=True)
            publisher.publish("a", b"marker")
            subscriber.expect("a", b"marker", 1)
        subscriber.disconnect()


def reason_codes_reach_the_client(broker):
    peer = Peer(broker, "client")
    assert [peer.subscribe("a", qos) for qos in (0, 1, 2)] == [0, 1, 2]
    assert peer.publish("a", b"heard") == 0
    assert peer.unsubscribe("a") == [0]
    # No subscription existed.
    assert peer.unsubscribe("a") == [0x11]
    assert peer.unsubscribe("never/#") == [0x11]
    # Quota exceeded: more filters in one SUBSCRIBE than config.yml allows.
    filters = [str(number) for number in range(101)]
    assert peer.subscribe_all(filters, 0) == [0] * 100 + [0x97]


def the_broker_names_a_client_without_a_name(broker):
    one, other = Peer(broker, ""), Peer(broker, "")
    names = {peer.connack.AssignedClientIdentifier for peer in (one, other)}
    assert len(names) == 2 and "" not in names, names
    assert one.connack.ReceiveMaximum > 0
    assert one.connack.MaximumPacketSize > 0


def a_client_may_ask_for_its_will(broker):
    watcher = Peer(broker, "watcher")
    watcher.subscribe("will")
    given = properties("WILLMESSAGE", ContentType="text/plain", UserProperty=[("a", "1")])
    will = Will("will", b"gone", 1, False, given)
    client = Peer(broker, "client", will=will)
    reason = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
    client.disconnect(reasoncode=reason)
    came = watcher.expect("will", b"gone", 1).properties
    assert (came.ContentType, came.UserProperty) == ("text/plain", [("a", "1")]), came
