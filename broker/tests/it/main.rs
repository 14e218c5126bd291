//! The broker over real sockets. One binary; each test starts a broker of its own on a free port,
//! and runs for both protocol versions where both apply.

mod support;

mod engine;
mod publish;
