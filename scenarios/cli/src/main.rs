//! The `tribunal` command line.

use std::process::ExitCode;

/// 4 % faster runs than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tribunal::commands::main(Some(&tribunal::world::KernelWorld))
}
