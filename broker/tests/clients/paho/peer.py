"""A client of the library paho that does one thing after the other: what comes is kept until the
scenario asks for it, and whoever waits gives up after DEADLINE seconds.
"""

import queue
import socket
from collections import namedtuple

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

# Far above what anything here takes.
DEADLINE = 20

Broker = namedtuple("Broker", "host port version")

# RETAIN as a bool; properties only where there are some.
Message = namedtuple("Message", "topic payload qos retain")

Will = namedtuple("Will", "topic payload qos retain properties", defaults=[None])


class Refused(Exception):
    """CONNACK said no; its reason code."""


def properties(packet, **values):
    """Properties of a packet, such as properties("PUBLISH", MessageExpiryInterval=5)."""
    made = Properties(getattr(PacketTypes, packet))
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Peer:
    """Connected to the broker. Does not connect again by itself."""

    def __init__(
        self,
        broker,
        client_id,
        keep_session=False,
        will=None,
        acknowledges=True,
        **connect_properties,
    ):
        self.broker = broker
        self.is_5 = broker.version == 5
        self.keep_session = keep_session
        if self.is_5 and keep_session:
            connect_properties["SessionExpiryInterval"] = 3600
        self.connect_properties = connect_properties
        self.connacks = queue.Queue()
        self.messages = queue.Queue()
        self.ends = queue.Queue()
        self.answers = queue.Queue()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self.is_5 else not keep_session,
            protocol=mqtt.MQTTProtocolVersion(broker.version),
            reconnect_on_failure=False,
            manual_ack=not acknowledges,
        )
        if will:
            self.client.will_set(*will)
        self._listen()
        self.connect()

    def _listen(self):
        client = self.client
        client.on_connect = lambda _c, _u, flags, reason, props: self.connacks.put(
            (reason, flags.session_present, props)
        )
        client.on_message = lambda _c, _u, message: self.messages.put(message)
        client.on_publish = lambda _c, _u, mid, reason, _p: self.answers.put((mid, [reason]))
        client.on_subscribe = lambda _c, _u, mid, reasons, _p: self.answers.put((mid, reasons))
        client.on_unsubscribe = lambda _c, _u, mid, reasons, _p: self.answers.put((mid, reasons))
        client.on_disconnect = lambda _c, _u, flags, reason, _p: self.ends.put(
            (flags.is_disconnect_packet_from_server, reason)
        )

    def connect(self):
        """Connects, or connects again after an end; raises Refused if the broker does not want it."""
        options = {}
        if self.is_5:
            options["clean_start"] = not self.keep_session
            options["properties"] = properties("CONNECT", **self.connect_properties)
        self.client.connect(self.broker.host, self.broker.port, **options)
        self.client.loop_start()
        reason, self.session_present, self.connack = self.connacks.get(timeout=DEADLINE)
        if reason.is_failure:
            raise Refused(reason.value)

    def expect_session(self, present):
        """Whether the broker has said that there was a session; in 3.1 it does not say."""
        assert self.session_present == (present and self.broker.version > 3)

    def answer(self, mid):
        """The reason codes that the broker answers a request with."""
        answered, reasons = self.answers.get(timeout=DEADLINE)
        assert answered == mid, f"{answered} was answered instead of {mid}"
        return [reason.value for reason in reasons]

    def subscribe(self, topic_filter, qos=2, **options):
        """Returns the reason code. Options (MQTT 5) are those of paho's SubscribeOptions."""
        return self.subscribe_all([topic_filter], qos, **options)[0]

    def subscribe_all(self, topic_filters, qos, **options):
        """In one SUBSCRIBE; returns the reason codes."""
        value = SubscribeOptions(qos=qos, **options) if self.is_5 else qos
        _, mid = self.client.subscribe([(topic_filter, value) for topic_filter in topic_filters])
        return self.answer(mid)

    def unsubscribe(self, topic_filter):
        """Returns the reason codes; none in 3.1.1."""
        _, mid = self.client.unsubscribe(topic_filter)
        return self.answer(mid)

    def publish(self, topic, payload, qos=1, retain=False, **values):
        """Returns the reason code when the broker has answered (QoS 0: when it is sent)."""
        return self.answer(self.send(topic, payload, qos, retain, **values))[0]

    def send(self, topic, payload, qos=1, retain=False, **values):
        """Publishes and does not wait for the answer."""
        given = properties("PUBLISH", **values) if values else None
        return self.client.publish(topic, payload, qos, retain, properties=given).mid

    def message(self):
        """The next message, as the library has it."""
        return self.messages.get(timeout=DEADLINE)

    def expect(self, topic, payload, qos, retain=False):
        """The next message must be this one; returns what the library has of it."""
        message = self.message()
        came = Message(message.topic, bytes(message.payload), message.qos, bool(message.retain))
        wanted = Message(topic, payload, qos, retain)
        # Not printed whole: it may be large.
        assert came == wanted, f"{str(came):.500} came; {str(wanted):.500} was expected"
        return message

    def end(self):
        """Waits for the end of the connection: whether the broker sent DISCONNECT, and the reason."""
        by_broker, reason = self.ends.get(timeout=DEADLINE)
        self.client.loop_stop()
        return by_broker, reason.value

    def disconnect(self, **options):
        """Says good-bye, and waits until the connection is gone."""
        self.client.disconnect(**options)
        self.end()

    def cut(self):
        """Ends the connection without a word."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.end()
