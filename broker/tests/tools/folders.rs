//! Where plugins find their files.

use std::fs;

use crate::common::plugins;
use crate::folder::Folder;

/// A plugin that makes a file in the folder of the config.
fn folder() -> Folder {
    let folder = Folder::new(
        "listeners: [tcp: 127.0.0.1:0]\n\
         plugins:\n  - message-store: { database: messages.db, topics: [a] }\n",
    );
    folder.put(plugins::rust("message-store"), "message-store");
    folder
}

#[track_caller]
fn check_made_beside_the_config(folder: &Folder) {
    assert!(folder.path("messages.db").exists());
    let files = fs::read_dir(folder.path("plugins")).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["message-store.so"]);
}

/// The config is not named, and so has no folder in its path.
#[test]
fn a_plugin_finds_the_folder_of_the_config_in_the_working_directory() {
    let folder = folder();
    folder.start(&[]).line_with("listens on tcp://");
    check_made_beside_the_config(&folder);
}

#[test]
fn a_plugin_that_is_tried_finds_the_same_folder() {
    let folder = folder();
    assert_eq!(folder.run(&["check", "--load"]).status, Some(0));
    check_made_beside_the_config(&folder);
    assert!(!folder.path("data").exists());
}

#[test]
fn a_plugin_that_is_looked_at_finds_its_files_from_the_working_directory() {
    let folder = folder();
    let section = "{ database: messages.db, topics: [a] }";
    let file = "plugins/message-store.so";
    let said = folder.run(&["plugin", "check", file, "--load", "--plugin-config", section]);
    assert_eq!(said.status, Some(0), "{:?}", said.errors);
    check_made_beside_the_config(&folder);
}
