//! What is said of a conflict.

use packs::resolve::Preferences;
use packs::resolve::resolve;

use crate::resolver::roots;
use crate::resolver::world;

fn explain(releases: &str, requirements: &[&str]) -> String {
    let conflict = resolve(&roots(requirements), &world(releases), &Preferences::default()).expect_err("there is no resolution");
    let hints: String = conflict.hints().iter().map(|hint| format!("\nhint: {}", serde_json::to_string(hint).expect("serializable"))).collect();
    conflict.explain() + &hints
}

#[test]
fn show_all() {
    for (releases, requirements) in [
        ("dashboard 1.4.0 | charting ^2\n charting 1.0.0\n charting 2.0.0", &["dashboard ^1.4", "charting ^1"][..]),
        ("kanban 1.0.0", &["kanbn ^1"]),
        ("kanban 1.0.0\n kanban 1.1.0", &["kanban ^2"]),
        ("kanban 1.0.0\n kanban 2.0.0-rc.1\n kanban 2.0.0-rc.2", &["kanban ^2"]),
        ("app 1.0.0 | kanban ^2\n app 1.1.0 | kanban ^2\n kanban 1.0.0\n kanban 2.0.0 | yanked lost data", &["app *"]),
        ("kanban 2.0.0 | refused quality 70 is below 80\n kanban 2.0.1 | refused quality 62 is below 80\n kanban 1.0.0", &["kanban ^2"]),
        ("app 1.0.0 | kanban ^2\n kanban 2.0.0 | refused quality 70 is below 80\n kanban 2.0.1 | refused quality 62 is below 80\n kanban 1.0.0", &["app ^1"]),
        ("reports 1.0.0 | +pdf printing ^1\n reports 2.0.0", &["reports ^2 +pdf"]),
        ("reports 1.0.0 | +pdf printing ^1\n reports 2.0.0\n printing 1.0.0", &["reports ^2 +pdf"]),
        ("reports 1.0.0 | +pdf printing ^2\n printing 1.0.0\n printing 2.0.0", &["reports ^1 +pdf", "printing ^1"]),
        (
            "menu 1.0.0 | dropdown ^1\n menu 1.1.0 | dropdown ^2\n menu 1.2.0 | dropdown ^2\n dropdown 1.0.0 | intl ^3\n dropdown 2.0.0 | icons ^2\n dropdown 2.1.0 | icons ^2\n icons 1.0.0\n icons 2.0.0\n intl 3.0.0\n intl 5.0.0",
            &["menu *", "icons ^1", "intl ^5"],
        ),
        ("a 1.0.0 | b ^1 | c ^1\n b 1.0.0 | d ^1\n c 1.0.0 | d ^2\n d 1.0.0\n d 2.0.0", &["a *"]),
        ("a 1.0.0 | a ^2\n a 2.0.0 | nothing *", &["a *"]),
    ] {
        println!("{}\n", explain(releases, requirements));
    }
}
