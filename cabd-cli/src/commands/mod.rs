//! One file for each command: its arguments and what it does.

pub mod basemap;
pub mod changes;
pub mod codes;
pub mod completions;
pub mod derive;
pub mod dictionary;
pub mod diff;
pub mod doctor;
pub mod edits;
pub mod export;
pub mod history;
pub mod info;
pub mod init;
pub mod load;
pub mod query;
pub mod release;
pub mod serve;
pub mod sets;
pub mod sources;
pub mod synth;
pub mod types;
pub mod verify;

use std::process::ExitCode;

use cabd::Result;

use crate::cli::Command;

/// Runs one command.
///
/// # Errors
/// Whatever the library reports; the exit code follows from its kind.
pub async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Init(init) => init.run().await,
        Command::Load(load) => load.run().await,
        Command::Query(query) => query.run().await,
        Command::Export(export) => export.run().await,
        Command::Info(info) => info.run().await,
        Command::Dictionary(dictionary) => dictionary.run().await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Verify(verify) => verify.run().await,
        Command::Type(types) => types.run().await,
        Command::Set(sets) => sets.run().await,
        Command::Code(codes) => codes.run().await,
        Command::Sources(sources) => sources.run().await,
        Command::Derive(derive) => derive.run().await,
        Command::Edit(edit) => edit.run().await,
        Command::Delete(delete) => delete.run().await,
        Command::Apply(apply) => apply.run().await,
        Command::Revert(revert) => revert.run().await,
        Command::Merge(merge) => merge.run().await,
        Command::Split(split) => split.run().await,
        Command::Withdraw(withdraw) => withdraw.run().await,
        Command::Restore(restore) => restore.run().await,
        Command::Erase(erase) => erase.run().await,
        Command::History(history) => history.run().await,
        Command::Changes(changes) => changes.run().await,
        Command::Diff(diff) => diff.run().await,
        Command::Release(release) => release.run().await,
        Command::Serve(serve) => serve.run().await,
        Command::Basemap(basemap) => basemap.run(),
        Command::Synth(synth) => synth.run().await,
        Command::Completions(completions) => completions.run(),
    }
}
