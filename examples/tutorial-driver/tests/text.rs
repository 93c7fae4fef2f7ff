//! `docs/write-a-driver.md` shows this package, all of it, and nothing else.

const TEXT: &str = include_str!("../../../docs/write-a-driver.md");

/// The lines of all blocks that are marked as belonging to a file, in the order of the text.
fn blocks_of(file: &str) -> Vec<&'static str> {
    let mark = format!("<!-- {file} -->");
    let mut lines = TEXT.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line == mark {
            assert_eq!(lines.next(), Some("```rust,ignore"), "after {mark}");
            found.extend(lines.by_ref().take_while(|line| *line != "```").filter(|line| !line.is_empty()));
        }
    }
    found
}

#[test]
fn blocks_put_together_are_the_files() {
    for (file, source) in [
        ("src/lib.rs", include_str!("../src/lib.rs")),
        ("tests/conformance.rs", include_str!("conformance.rs")),
    ] {
        let source: Vec<&str> = source.lines().filter(|line| !line.is_empty()).collect();
        let shown = blocks_of(file);
        for (shown, real) in shown.iter().zip(&source) {
            assert_eq!(shown, real, "{file}");
        }
        assert_eq!(shown.len(), source.len(), "{file}");
    }
}

#[test]
fn no_code_escapes_the_comparison() {
    let marks = TEXT.lines().filter(|line| line.starts_with("<!-- ")).count();
    let blocks = TEXT.lines().filter(|line| line.starts_with("```rust")).count();
    assert!(marks == blocks && blocks > 10, "{marks} marks, {blocks} blocks");
}

#[test]
fn dependencies_are_those_of_the_text() {
    let names = |text: &str| -> Vec<String> {
        let package = text.split_once("\n[dependencies]").unwrap().1.split_once("[features]").unwrap().0;
        let name = |line: &str| Some(line.split(['=', '.', ' ']).next()?.to_owned());
        package.lines().filter(|line| line.contains('=')).filter_map(name).collect()
    };
    assert_eq!(names(TEXT), names(include_str!("../Cargo.toml")));
}

#[test]
fn driver_has_fewer_than_200_lines_of_code() {
    let lines = include_str!("../src/lib.rs").lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(code < 200, "{code}");
}
