//! A short run of the fuzz target that is about whole connections: its corpus, and seeded changes
//! of it.

#[path = "../../../fuzz/checks/connection.rs"]
mod connection;
#[path = "../../../fuzz/checks/mutate.rs"]
mod mutate;

#[test]
fn a_wild_client_harms_nobody_else() {
    mutate::replay("connection", 500, connection::check);
}
