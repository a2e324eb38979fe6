//! The command line's shape.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use crate::commands;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const STORES: &str = "\
A STORE is a file path (one SpatiaLite file), postgres://USER@HOST/DATABASE, or memory: (gone when the command ends).

Exit codes:
  0  done
  1  `doctor` or `verify` found something
  2  the command line is wrong
  3  bad input: a value, name or file that cannot be accepted; with --strict, rejected rows
  4  not found: the store, a file, a type
  5  conflict with what is stored
  6  the store is busy or cannot be reached
  7  disk or permission: full, read-only, unreadable
  8  not a usable store: another program's, a newer cabd's, or damaged
  70 a fault of cabd itself
  130 ended by Ctrl-C

Examples:
  cabd init inventory.sqlite
  cabd load inventory.sqlite --mapping sample-dams catalog/sample/dams.csv
  cabd query inventory.sqlite dams --filter height_m:gte:100 --sort=-height_m
  cabd export inventory.sqlite --type dams --format geojson -o dams.geojson";

/// Keeps a spatial inventory in one SpatiaLite file or on PostGIS: loads, questions, exports.
#[derive(Debug, Parser)]
#[command(name = "cabd", version, styles = STYLES, after_help = STORES, arg_required_else_help = true)]
pub struct Arguments {
    /// With an error, show its causes too
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, one file each in `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a store, or bring its catalogue up to date
    Init(commands::init::Init),
    /// Load GeoJSON or CSV files
    Load(commands::load::Load),
    /// Ask for features
    Query(commands::query::Query),
    /// Write features to a file
    Export(commands::export::Export),
    /// Show what a store is and what it holds
    Info(commands::info::Info),
    /// Write the data dictionary: types, attributes, codes, sources
    Dictionary(commands::dictionary::WriteDictionary),
    /// Look for damage, drift and missing pieces
    Doctor(commands::doctor::Doctor),
    /// Compare the log with its seals: was anything altered after the fact
    Verify(commands::verify::Verify),
    /// Change the catalogue: check, plan, apply, show, undo, purge, adopt
    Type(commands::types::Types),
    /// Add, change or drop attribute sets
    Set(commands::sets::Sets),
    /// Add, change or retire codes
    Code(commands::codes::Codes),
    /// Change a feature
    Edit(commands::edits::Edit),
    /// Delete features
    Delete(commands::edits::Delete),
    /// Apply a changeset, or GeoJSON features, from a file
    Apply(commands::edits::Apply),
    /// Undo a commit, or a part of it
    Revert(commands::edits::RevertCommit),
    /// End a feature that is the same as another
    Merge(commands::edits::Merge),
    /// End a feature that is several
    Split(commands::edits::Split),
    /// End a feature that does not belong into the inventory
    Withdraw(commands::edits::Withdraw),
    /// Bring a feature back that was withdrawn, merged, split or deleted
    Restore(commands::edits::Restore),
    /// Erase a person from contacts, suggested updates and log
    Erase(commands::edits::Erase),
    /// Who has changed what of a feature, when and why
    History(commands::history::History),
    /// Every change since a commit, oldest first
    Changes(commands::changes::Changes),
    /// What differs between two states
    Diff(commands::diff::Diff),
    /// Name a commit as a released data version, or list the releases
    Release(commands::release::Release),
    /// Where the values come from; the data sources
    Sources(commands::sources::Sources),
    /// Compute derived values anew
    Derive(commands::derive::Derive),
    /// Answer over HTTP
    Serve(commands::serve::Serve),
    /// Make the base map of the page from GeoJSON files
    Basemap(commands::basemap::Basemap),
    /// Fill a store with synthetic features, labelled as such
    Synth(commands::synth::Synth),
    /// Write a shell's completions to standard output
    Completions(commands::completions::Completions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        let command = Arguments::command();
        for sub in command.get_subcommands() {
            let help = sub
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let examples: Vec<&str> = help
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("cabd "))
                .collect();
            assert!(!examples.is_empty(), "{} has no example", sub.get_name());
            for line in examples {
                let words = line.split(['|', '>']).next().unwrap_or_default();
                let words = words.split_whitespace().map(|word| word.trim_matches('\''));
                Arguments::command()
                    .try_get_matches_from(words)
                    .unwrap_or_else(|e| panic!("{line}: {e}"));
            }
        }
    }
}
