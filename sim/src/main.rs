//! The command `tribunal`.

fn main() {}
