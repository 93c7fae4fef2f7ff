//! The README lists the cases there are.

use printhost_testkit::CASES;

#[test]
fn readme_lists_every_case_in_order_and_counts_them() {
    let readme = include_str!("../README.md");
    let listed = readme.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
    assert!(listed.eq(CASES.iter().map(|case| case.name)));
    assert!(readme.contains(&format!(": {} claims about", CASES.len())));
}
