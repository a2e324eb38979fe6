//! Tables for people: plain columns, long values cut, as many columns as the width takes.

use std::io::IsTerminal;

use cabd::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::output;

/// Longest value of a feature that is shown, in characters.
pub const LONGEST_VALUE: usize = 48;
/// Longest text in any other table.
const LONGEST_TEXT: usize = 160;
/// Width where there is no terminal to ask.
const WIDTH: usize = 120;
const GAP: usize = 2;

/// Columns and rows that are shown together.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The columns' names.
    pub headers: Vec<String>,
    /// Whether the column is a number and stands to the right.
    pub is_number: Vec<bool>,
    /// The rows, one text for each column.
    pub rows: Vec<Vec<String>>,
    /// Longer texts are cut.
    pub longest: usize,
}

impl Sheet {
    /// The places of the columns that have a value in some row.
    pub fn filled(&self) -> Vec<usize> {
        (0..self.headers.len())
            .filter(|at| self.rows.iter().any(|row| !row[*at].is_empty()))
            .collect()
    }

    /// Of the columns named by place, those that fit into the width, from the left; never fewer than two.
    pub fn fitting(&self, columns: &[usize], width: usize) -> Vec<usize> {
        let widths = self.table(columns).column_max_content_widths();
        let mut used = 0;
        let fitting = widths.iter().enumerate().take_while(|(place, column)| {
            used += usize::from(**column) + GAP;
            *place < 2 || used <= width + GAP
        });
        let count = fitting.count();
        columns[..count].to_vec()
    }

    /// The table of these columns, each line ending in a line break.
    pub fn render(&self, columns: &[usize]) -> String {
        let table = self.table(columns);
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn table(&self, columns: &[usize]) -> Table {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .force_no_tty();
        table.set_header(columns.iter().map(|at| self.headers[*at].as_str()));
        for row in &self.rows {
            table.add_row(columns.iter().map(|at| cut(&row[*at], self.longest)));
        }
        for (place, at) in columns.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, 2));
                if self.is_number[*at] {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table
    }
}

/// Prints a whole table; the columns of `numbers` stand to the right.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(
    headers: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    numbers: &[usize],
) -> Result<()> {
    let sheet = Sheet {
        headers: headers.iter().map(|text| (*text).to_owned()).collect(),
        is_number: (0..headers.len()).map(|at| numbers.contains(&at)).collect(),
        rows: rows.into_iter().collect(),
        longest: LONGEST_TEXT,
    };
    let all: Vec<usize> = (0..headers.len()).collect();
    output::print(sheet.render(&all).as_bytes())
}

/// How many characters stand side by side: `COLUMNS`, the terminal, or 120.
pub fn width() -> usize {
    let named = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    named
        .or_else(|| {
            let seen = Table::new()
                .width()
                .filter(|_| std::io::stdout().is_terminal());
            seen.map(usize::from)
        })
        .unwrap_or(WIDTH)
        .max(20)
}

/// One line of at most so many characters, without anything that would move a terminal's cursor.
fn cut(text: &str, longest: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    match text.char_indices().nth(longest) {
        None => text.chars().map(plain).collect(),
        Some(_) => text
            .chars()
            .take(longest.saturating_sub(1))
            .map(plain)
            .chain(['…'])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet {
            headers: ["name", "empty", "height_m"].map(String::from).to_vec(),
            is_number: vec![false, false, true],
            rows: vec![
                vec!["Élevé".into(), String::new(), "7.5".into()],
                vec!["B".into(), String::new(), "114".into()],
            ],
            longest: LONGEST_VALUE,
        }
    }

    #[test]
    fn numbers_stand_to_the_right_and_empty_columns_can_be_left_out() {
        let sheet = sheet();
        assert_eq!(sheet.filled(), [0, 2]);
        assert_eq!(
            sheet.render(&sheet.filled()),
            "name   height_m\nÉlevé       7.5\nB           114\n"
        );
    }

    #[test]
    fn columns_that_do_not_fit_are_left_out_from_the_right() {
        let sheet = sheet();
        assert_eq!(sheet.fitting(&[0, 1, 2], 80), [0, 1, 2]);
        assert_eq!(sheet.fitting(&[0, 1, 2], 12), [0, 1]);
    }

    #[test]
    fn a_long_or_strange_value_becomes_one_short_line() {
        assert_eq!(cut(&"é".repeat(60), 48).chars().count(), 48);
        assert_eq!(cut("a\nb\u{1b}[2J", 48), "a b [2J");
    }
}
