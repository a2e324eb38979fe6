//! SEAM
use cabd::Result;
use clap::Args;
use std::process::ExitCode;
/// SEAM
#[derive(Debug, Args)]
#[command(after_help = "  cabd synth s")]
pub struct Synth {
    store: String,
}
impl Synth {
    /// SEAM
    pub async fn run(self) -> Result<ExitCode> {
        let _ = self.store;
        Ok(ExitCode::SUCCESS)
    }
}
