//! The command `tribunal`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tribunal_sim::cli::main()
}
