//! Profiles of an AWS account: the `credentials` and `config` files of the AWS tools; pure.
//!
//! ```text
//! [default]                      # of credentials; config writes [default] and [profile NAME]
//! aws_access_key_id = AKIA…
//! aws_secret_access_key = …
//! region = eu-central-1
//! ```
//!
//! What the credentials file says counts before the config file. Lines that are indented belong to the key above and are skipped.

use std::collections::BTreeMap;

/// What packs reads of a profile.
const KEYS: [&str; 5] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "endpoint_url"];

/// Ways to keys that only the AWS tools go.
const FOREIGN: [&str; 5] = ["sso_session", "sso_start_url", "credential_process", "source_profile", "login_session"];

/// What a profile says, by key. Holds secrets: never printed.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) values: BTreeMap<&'static str, String>,
    /// The way to its keys, where that is none of ours.
    pub(super) foreign: Option<&'static str>,
}

/// Finds a profile in the text of the two files; `None` if neither has it.
pub(super) fn find_profile(credentials: &str, config: &str, name: &str) -> Option<Profile> {
    let titled = if name == "default" { "default".to_owned() } else { format!("profile {name}") };
    let (own, shared) = (section(credentials, name), section(config, &titled));
    if own.is_none() && shared.is_none() {
        return None;
    }
    let mut all = shared.unwrap_or_default();
    all.extend(own.unwrap_or_default());
    let values: BTreeMap<&'static str, String> = KEYS.iter().filter_map(|key| Some((*key, all.get(*key)?.clone()))).collect();
    let foreign = FOREIGN.iter().find(|key| all.contains_key(**key) && !values.contains_key("aws_access_key_id")).copied();
    Some(Profile { values, foreign })
}

/// Reads one section.
fn section(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut inside = false;
    for line in text.lines().filter(|line| !line.starts_with(['#', ';', ' ', '\t'])) {
        if let Some(title) = line.trim_end().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = title.split_whitespace().eq(name.split_whitespace());
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value)), Some(values)) = (inside, line.split_once('='), found.as_mut()) {
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found() {
        let credentials = "# mine\n[default]\naws_access_key_id = one\naws_secret_access_key=two = three\n[work]\nAWS_ACCESS_KEY_ID=four\n";
        let config = "[default]\nregion = eu-central-1\ns3 =\n  region = no\n[profile  work]\nregion=us-east-2\naws_access_key_id=hidden\n[profile sso]\nsso_session = a\n";
        let check = |name: &str, expected: &[(&str, &str)], foreign: Option<&str>| {
            let found = find_profile(credentials, config, name).expect("there is one");
            let expected = expected.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
            assert!(found.values == expected && found.foreign == foreign, "{name}");
        };
        check("default", &[("aws_access_key_id", "one"), ("aws_secret_access_key", "two = three"), ("region", "eu-central-1")], None);
        check("work", &[("aws_access_key_id", "four"), ("region", "us-east-2")], None);
        check("sso", &[], Some("sso_session"));
        for name in ["nobody", "profile work"] {
            assert!(find_profile(credentials, config, name).is_none(), "{name}");
        }
    }
}
