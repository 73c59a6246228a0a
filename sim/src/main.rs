//! The command `tribunal`.

use std::process::ExitCode;

/// A simulation allocates and frees small things all the time: this allocator takes a tenth off a run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tribunal_sim::cli::main()
}
