//! The `#[plugin]` attribute.
