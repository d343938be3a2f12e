//! Tests of the table's scroll arithmetic, which is hard to check from outside.

use crate::ui::theme::ROW;

use super::{Table, float};

#[test]
fn a_million_rows_scroll_as_exactly_as_ten() {
    for index in [0, 9, 599_186, 999_999_usize] {
        let table = Table { offset: float(index) * f64::from(ROW) + 13.0, ..Table::default() };
        assert_eq!(table.first(), (index, 13.0), "at row {index}");
    }
    let table = Table { height: 600.0, ..Table::default() };
    assert!((table.max_offset(1_000_000) - (28_000_000.0 - 600.0)).abs() < f64::EPSILON, "the end is off");
}

#[test]
fn a_table_shorter_than_its_area_does_not_scroll() {
    let table = Table { height: 600.0, ..Table::default() };
    assert!(table.max_offset(3) <= 0.0, "three rows scroll in the room for twenty");
}
