//! `docs/isolation.md` names the test of each of its cells.

use std::fs::read_to_string;

use tenon_tests::artifacts::workspace;

/// The cells of the tables of the page that begin with what is tried, row by row, without the first of each
/// row.
fn cells(page: &str) -> Vec<(String, String)> {
    let tables =
        page.split("\n\n").filter(|table| table.trim_start().starts_with("| What is tried"));
    let rows = tables.flat_map(|table| table.trim_start().lines().skip(2));
    let mut cells = Vec::new();
    for row in rows {
        let mut columns = row.trim_matches('|').split('|').map(str::trim);
        let first = columns.next().unwrap_or_default().to_owned();
        cells.extend(columns.map(|cell| (first.clone(), cell.to_owned())));
    }
    cells
}

#[test]
fn every_cell_of_the_matrix_names_a_test_that_there_is() {
    let root = workspace();
    let page = read_to_string(root.join("docs/isolation.md")).unwrap();
    let cells = cells(&page);
    assert!(cells.len() >= 20, "the table is read: {cells:?}");
    for (row, cell) in cells {
        let mut tests = 0;
        for name in cell.split('`').skip(1).step_by(2) {
            let (file, test) = name.split_once("::").expect("a file and a test of it");
            let source = ["tests/integration", "host/server/src"]
                .iter()
                .find_map(|dir| read_to_string(root.join(dir).join(file)).ok());
            let source = source.unwrap_or_else(|| panic!("{row}: there is no {file}"));
            assert!(source.contains(&format!("fn {test}(")), "{row}: {file} has no {test}");
            tests += 1;
        }
        assert!(tests > 0 || cell == "—", "{row}: a cell names its test, or says that it has none");
    }
}
