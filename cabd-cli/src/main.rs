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

fn main() -> ExitCode {
    // Usage errors end here with code 2; --help and --version with 0.
    let arguments = cli::Arguments::parse();
    let verbose = arguments.verbose;
    match session::run(commands::run(arguments.command)) {
        Ok(code) => code,
        Err(error) => failure::report(&error, verbose),
    }
}
