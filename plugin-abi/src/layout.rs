//! Tests that the structs of `raw.rs` are those of `plugin.h`, and still those that were released.
#![allow(elided_lifetimes_in_paths, reason = "a macro names structs with and without one")]

use std::collections::HashMap;
use std::fmt::Write;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use crate::raw;

/// The layout as it was released last: structs with their size, fields with their offset.
const RELEASED: &str = include_str!("../tests/layout-1.1.0.txt");

/// The layouts that plugins in use were built with.
const BEFORE: [&str; 1] = [include_str!("../tests/layout-1.0.0.txt")];

macro_rules! structs {
    ($($c_name:ident $rust_name:ident { $($field:ident)* })*) => {
        /// The layout of `raw.rs`.
        fn in_rust() -> String {
            let mut text = String::new();
            $(
                writeln!(text, "{} {}", stringify!($c_name), size_of::<raw::$rust_name>()).unwrap();
                $(
                    let offset = offset_of!(raw::$rust_name, $field);
                    writeln!(text, "{}.{} {offset}", stringify!($c_name), stringify!($field))
                        .unwrap();
                )*
            )*
            text
        }

        /// A C program that prints the layout of `plugin.h`.
        fn c_program() -> String {
            let mut text = "#include <stdio.h>\n#include \"plugin.h\"\nint main(void) {\n".to_owned();
            $(
                let name = stringify!($c_name);
                writeln!(text, "printf(\"{name} %zu\\n\", sizeof({name}));").unwrap();
                $(
                    let field = stringify!($field);
                    let offset = format!("offsetof({name}, {field})");
                    writeln!(text, "printf(\"{name}.{field} %zu\\n\", {offset});").unwrap();
                )*
            )*
            text + "return 0; }\n"
        }
    };
}

structs! {
    mq_view View { ptr len }
    mq_address Address { family port scope bytes }
    mq_client Client {
        size protocol has_username reserved client_id username listener peer local
    }
    mq_socket_open SocketOpen { size reserved listener peer local answer_ctx answer origin asked_again source }
    mq_before_connect BeforeConnect {
        size clean_start has_password has_will reserved session_expiry keep_alive reserved_too client
        password will_topic properties authentication_method answer_ctx answer origin asked_again source
        original_client_id original_username will_payload will_properties will_qos will_retain
    }
    mq_connect Connect { size session_present clean_start reserved client answer_ctx answer origin asked_again source }
    mq_publish Publish {
        size qos retain dup origin client topic payload properties answer_ctx answer asked_again depth
        source original_topic payload_len
    }
    mq_subscribe Subscribe {
        size qos no_local retain_as_published retain_handling client filter properties whole_filter
        answer_ctx answer origin asked_again source original_filter
    }
    mq_unsubscribe Unsubscribe { size reserved client filter whole_filter answer_ctx answer origin asked_again source original_filter }
    mq_disconnect Disconnect { size graceful reason_code session_kept reserved client reason origin reserved_too source }
    mq_auth Auth {
        size round reauthentication has_data client method data state properties answer_ctx answer origin asked_again source
    }
    mq_deliver Deliver {
        size qos retain retained origin client publisher topic payload properties share source
        payload_len answer_ctx answer
    }
    mq_dropped Dropped { size qos retain reason reserved client topic payload properties payload_len }
    mq_session Session { size change client origin reserved source }
    mq_tick Tick { size reserved id }
    mq_message Message { size qos retain reserved topic payload properties }
    mq_client_info ClientInfo { size connected client since queued queued_bytes }
    mq_subscription_info SubscriptionInfo { size options client_id filter identifier reserved }
    mq_part Part { part reserved value }
    mq_host Host {
        size abi_version ctx log max_level
        publish publish_to retain each_retained disconnect subscribe unsubscribe each_client
        each_subscription receivers attribute_set attribute_get kv_set kv_get kv_remove kv_each
        timer_set timer_cancel metric metric_update interest config folder defer complete
        blocking
    }
}

#[test]
fn rust_has_the_released_layout() {
    assert_eq!(in_rust(), RELEASED);
}

#[test]
fn the_header_has_the_released_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::env::temp_dir().join(format!("plugin-abi-layout-{}", std::process::id()));
    let source = program.with_extension("c");
    std::fs::write(&source, c_program()).unwrap();
    let compiled = Command::new("cc")
        .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I"])
        .args([root, Path::new("-o"), &program, &source])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let printed = Command::new(&program).output().unwrap().stdout;
    std::fs::remove_file(&program).unwrap();
    std::fs::remove_file(&source).unwrap();
    assert_eq!(String::from_utf8(printed).unwrap(), RELEASED);
}

/// What an old plugin reads stands where it stood, and what is new stands behind it.
#[test]
fn nothing_that_was_released_has_moved() {
    for before in BEFORE {
        let before: HashMap<&str, usize> = numbers(before).collect();
        for (what, number) in numbers(RELEASED) {
            let name = what.split('.').next().unwrap();
            match (before.get(what), before.get(name)) {
                (Some(old), _) if what == name => assert!(number >= *old, "{what} is shorter"),
                (Some(old), _) => assert_eq!(number, *old, "{what} has moved"),
                (None, Some(old_size)) => assert!(number >= *old_size, "{what} is in a gap"),
                (None, None) => {}
            }
        }
        let now: HashMap<&str, usize> = numbers(RELEASED).collect();
        assert!(before.keys().all(|what| now.contains_key(what)), "something is gone");
    }
}

/// The size of each struct and the offset of each field.
fn numbers(layout: &'static str) -> impl Iterator<Item = (&'static str, usize)> {
    layout.lines().map(|line| {
        let (what, number) = line.split_once(' ').unwrap();
        (what, number.parse().unwrap())
    })
}

/// A field that is added in a gap would hide inside the `size` of an old broker.
#[test]
fn no_struct_has_a_gap() {
    macro_rules! add_up {
        ($($rust_name:ident = $($size:expr),*;)*) => {$(
            assert_eq!(size_of::<raw::$rust_name>(), 0 $(+ $size)*, stringify!($rust_name));
        )*};
    }
    const VIEW: usize = size_of::<raw::View<'_>>();
    const ADDRESS: usize = size_of::<raw::Address>();
    const PTR: usize = size_of::<raw::ClientPtr<'_>>();
    add_up! {
        Address = 2, 2, 4, 16;
        Client = 4, 1, 1, 2, VIEW, VIEW, VIEW, ADDRESS, ADDRESS;
        SocketOpen = 4, 4, VIEW, ADDRESS, ADDRESS, PTR, PTR, 4, 4, VIEW;
        BeforeConnect = 4, 1, 1, 1, 1, 4, 2, 2, PTR, VIEW, VIEW, VIEW, VIEW, PTR, PTR, 4, 4, VIEW, VIEW, VIEW, VIEW, VIEW, 4, 4;
        Connect = 4, 1, 1, 2, PTR, PTR, PTR, 4, 4, VIEW;
        Publish = 4, 1, 1, 1, 1, PTR, VIEW, VIEW, VIEW, PTR, PTR, 4, 4, VIEW, VIEW, 8;
        Subscribe = 4, 1, 1, 1, 1, PTR, VIEW, VIEW, VIEW, PTR, PTR, 4, 4, VIEW, VIEW;
        Unsubscribe = 4, 4, PTR, VIEW, VIEW, PTR, PTR, 4, 4, VIEW, VIEW;
        Disconnect = 4, 1, 1, 1, 1, PTR, VIEW, 4, 4, VIEW;
        Auth = 4, 2, 1, 1, PTR, VIEW, VIEW, VIEW, VIEW, PTR, PTR, 4, 4, VIEW;
        Deliver = 4, 1, 1, 1, 1, PTR, VIEW, VIEW, VIEW, VIEW, VIEW, VIEW, 8, PTR, PTR;
        Dropped = 4, 1, 1, 1, 1, PTR, VIEW, VIEW, VIEW, 8;
        Session = 4, 4, PTR, 4, 4, VIEW;
        Tick = 4, 4, 8;
        Message = 4, 1, 1, 2, VIEW, VIEW, VIEW;
        ClientInfo = 4, 4, PTR, 8, 8, 8;
        SubscriptionInfo = 4, 4, VIEW, VIEW, 4, 4;
        Part = 4, 4, VIEW;
    }
}
