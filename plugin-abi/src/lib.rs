//! All that the author of a hookmq plugin compiles against.
