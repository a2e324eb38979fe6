//! `cabd completions`.

use std::process::ExitCode;

use cabd::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Arguments;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  cabd completions bash > ~/.local/share/bash-completion/completions/cabd
  cabd completions zsh > ~/.zfunc/_cabd";

/// Arguments of `cabd completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Writes the completions to standard output.
    pub fn run(self) -> Result<ExitCode> {
        let mut text = vec![];
        clap_complete::generate(self.shell, &mut Arguments::command(), "cabd", &mut text);
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
