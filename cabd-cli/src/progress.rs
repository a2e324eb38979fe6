//! Progress on standard error, only when a person is looking.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const STEADY: Duration = Duration::from_millis(200);

/// A bar of bytes when the total is known, else a counter of bytes.
pub fn of_bytes(what: &str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left",
        None => "{msg} {spinner} {bytes}, {elapsed}",
    };
    bar(what, total, template)
}

/// A bar of features when the total is known, else a counter.
pub fn of_features(what: &str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} [{bar:30}] {human_pos} of {human_len}, {eta} left",
        None => "{msg} {spinner} {human_pos}, {elapsed}",
    };
    bar(what, total, template)
}

fn bar(what: &str, total: Option<u64>, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(STEADY);
    bar
}
