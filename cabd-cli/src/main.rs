//! The `cabd` command.

mod ask;
mod cli;
mod commands;
mod exit;
mod failure;
mod files;
mod inputs;
mod output;
mod progress;
mod rejects;
mod session;
mod table;

use std::process::ExitCode;

use clap::Parser;

/// Long answers pass through many threads in large pieces, which glibc's allocator gives back to the system each time and
/// asks for again; with it a service that answers many clients also grows.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Usage errors end here with code 2; --help and --version with 0.
    let arguments = cli::Arguments::parse();
    let verbose = arguments.verbose;
    let ended = match arguments.command {
        // A service ends in its own time: answers in progress are sent.
        cli::Command::Serve(serve) => session::run_to_end(serve.run()),
        command => session::run(commands::run(command)),
    };
    match ended {
        Ok(code) => code,
        Err(error) => failure::report(&error, verbose),
    }
}
