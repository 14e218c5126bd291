//! The client library mqtt.js (JavaScript), in all versions. What each scenario does stands in
//! `broker/tests/clients/mqttjs/`.

use crate::script::{Script, scenarios};

scenarios! {
    Script::mqttjs();
    all: [
        every_qos_reaches_every_qos,
        a_client_hears_itself,
        many_messages_come_in_order,
        a_large_message_arrives_whole,
        a_retained_message_waits_for_its_subscriber,
        a_retained_message_can_be_cleared,
        a_client_that_is_cut_off_leaves_its_will,
        a_client_that_disconnects_leaves_no_will,
        a_kept_session_is_resumed_with_its_messages,
        a_session_that_is_not_kept_is_gone,
        what_was_not_acknowledged_comes_again,
        a_publisher_that_is_cut_off_loses_and_doubles_nothing_at_qos_2,
        an_unsubscribed_client_hears_no_more,
        a_client_that_is_taken_over_is_closed,
        a_refused_connection_says_why,
    ],
    v5: [
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
    ],
}
