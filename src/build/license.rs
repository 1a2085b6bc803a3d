//! Recognising a licence by its text.
//!
//! A text is recognised by sentences that it must hold and that no other licence holds in this combination; letters' case, punctuation and line breaks do
//! not count. A text with more in it than names and years is another licence: each has a length that its text never exceeds. Where this
//! says nothing, the author must; a wrong answer would be worse than none.

/// A licence, and what its text holds.
struct Known {
    /// Its SPDX identifier.
    id: &'static str,
    /// Sentences that the text must hold.
    holds: &'static [&'static str],
    /// Sentences that would make it another licence.
    lacks: &'static [&'static str],
    /// Words that the text must end with, if it is one of the short ones.
    ends: &'static str,
    /// Letters and blanks of the longest form seen, with room for names of holders.
    length_max: usize,
}

const MIT_GRANT: &str = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the \
    \"Software\"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, \
    sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so";
const BSD_GRANT: &str =
    "Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met";
const BSD_SOURCE: &str = "Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer";
const BSD_BINARY: &str =
    "Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the documentation";
const BSD_ENDORSE: &str = "endorse or promote products derived from this software without specific prior written permission";
const AS_IS: &str = "the software is provided \"as is\"";

/// Every licence that is recognised.
const KNOWN: &[Known] = &[
    Known {
        id: "MIT",
        holds: &[
            MIT_GRANT,
            "subject to the following conditions",
            "shall be included in all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND",
        ],
        lacks: &["Except as contained in this notice", "used for Good, not Evil", "in advertising", "must be acknowledged", "shall be visibly"],
        ends: "or other dealings in the software",
        length_max: 2000,
    },
    Known {
        id: "MIT-0",
        holds: &[MIT_GRANT, AS_IS],
        lacks: &["subject to the following conditions", "Except as contained"],
        ends: "or other dealings in the software",
        length_max: 1600,
    },
    Known {
        id: "ISC",
        holds: &[
            "for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies",
            AS_IS,
        ],
        lacks: &["advertising", "endorse", "name of"],
        ends: "performance of this software",
        length_max: 1400,
    },
    Known {
        id: "0BSD",
        holds: &["for any purpose with or without fee is hereby granted the software is provided \"as is\""],
        lacks: &[],
        ends: "performance of this software",
        length_max: 1200,
    },
    Known {
        id: "BSD-2-Clause",
        holds: &[BSD_GRANT, BSD_SOURCE, BSD_BINARY, "is provided by", "as is"],
        lacks: &[
            "endorse or promote",
            "advertising materials",
            "patent",
            "the views and conclusions contained",
            "nuclear",
            "unmodified",
            "permission from",
            "must not be",
            "may not be",
            "in this position",
            "must be accompanied",
        ],
        ends: "the possibility of such damage",
        length_max: 2200,
    },
    Known {
        id: "BSD-3-Clause",
        holds: &[BSD_GRANT, BSD_SOURCE, BSD_BINARY, BSD_ENDORSE, "is provided by", "as is"],
        lacks: &[
            "advertising materials",
            "patent",
            "the views and conclusions contained",
            "nuclear",
            "modified versions",
            "modifications",
            "fifth",
            "military",
            "4.",
            "products derived from this software may not be called",
            "open source and open standards",
            "lawrence berkeley",
            "enhancements",
        ],
        ends: "the possibility of such damage",
        length_max: 2600,
    },
    Known {
        id: "Zlib",
        holds: &[
            "This software is provided 'as-is', without any express or implied warranty. In no event will the authors be held liable for any damages arising from the use of this software",
            "The origin of this software must not be misrepresented; you must not claim that you wrote the original software",
            "an acknowledgment in the product documentation would be appreciated but is not required",
            "This notice may not be removed or altered from any source distribution",
        ],
        lacks: &["is required."],
        ends: "from any source distribution",
        length_max: 1400,
    },
    Known {
        id: "BSL-1.0",
        holds: &[
            "Boost Software License - Version 1.0 - August 17th, 2003",
            "Permission is hereby granted, free of charge, to any person or organization obtaining a copy of the software and accompanying documentation covered by this license",
        ],
        lacks: &[],
        ends: "dealings in the software",
        length_max: 1700,
    },
    Known {
        id: "Unlicense",
        holds: &[
            "This is free and unencumbered software released into the public domain",
            "Anyone is free to copy, modify, publish, use, compile, sell, or distribute this software",
            "In jurisdictions that recognize copyright laws",
        ],
        lacks: &[],
        ends: "",
        length_max: 1600,
    },
    Known {
        id: "CC0-1.0",
        holds: &["CC0 1.0 Universal", "The laws of most jurisdictions throughout the world automatically confer exclusive Copyright and Related Rights"],
        lacks: &[],
        ends: "",
        length_max: 8000,
    },
    Known {
        id: "Apache-2.0",
        holds: &[
            "Apache License Version 2.0, January 2004",
            "Grant of Patent License. Subject to the terms and conditions of this License",
            "END OF TERMS AND CONDITIONS",
        ],
        lacks: &["LLVM Exceptions", "Swift Runtime"],
        ends: "",
        length_max: 12_500,
    },
    Known {
        id: "MPL-2.0",
        holds: &["Mozilla Public License Version 2.0", "\"Contributor\" means each individual or legal entity", "Exhibit A - Source Code Form License Notice"],
        lacks: &[],
        ends: "",
        length_max: 17_500,
    },
    Known {
        id: "GPL-2.0-only",
        holds: &[
            "GNU GENERAL PUBLIC LICENSE Version 2, June 1991",
            "You may not copy, modify, sublicense, or distribute the Program except as expressly provided under this License",
        ],
        lacks: &["linking this library statically", "Classpath"],
        ends: "",
        length_max: 19_000,
    },
    Known {
        id: "GPL-3.0-only",
        holds: &[
            "GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007",
            "The GNU General Public License is a free, copyleft license for software and other kinds of works",
        ],
        lacks: &["Runtime Library Exception"],
        ends: "",
        length_max: 36_000,
    },
    Known {
        id: "LGPL-2.1-only",
        holds: &["GNU LESSER GENERAL PUBLIC LICENSE Version 2.1, February 1999", "a \"work that uses the Library\""],
        lacks: &["static linking exception"],
        ends: "",
        length_max: 27_500,
    },
    Known {
        id: "LGPL-3.0-only",
        holds: &[
            "GNU LESSER GENERAL PUBLIC LICENSE Version 3, 29 June 2007",
            "incorporates the terms and conditions of version 3 of the GNU General Public License",
        ],
        lacks: &[],
        // Some texts hold the GPL, which it adds to, below it.
        ends: "",
        length_max: 44_000,
    },
    Known {
        id: "AGPL-3.0-only",
        holds: &["GNU AFFERO GENERAL PUBLIC LICENSE Version 3, 19 November 2007", "Remote Network Interaction"],
        lacks: &[],
        ends: "",
        length_max: 36_000,
    },
];

/// What makes another licence of any of them.
const NEVER: [&str; 2] = ["commons clause", "business source license"];

/// Gives the SPDX identifier of the one licence whose text this is.
pub(super) fn recognise_license(text: &str) -> Option<&'static str> {
    let text = words(text);
    let is_this = |known: &&Known| {
        text.len() <= known.length_max
            && text.ends_with(known.ends)
            && known.holds.iter().all(|sentence| text.contains(&words(sentence)))
            && !known.lacks.iter().chain(&NEVER).any(|sentence| text.contains(&words(sentence)))
    };
    let mut found = KNOWN.iter().filter(is_this);
    found.next().filter(|_| found.next().is_none()).map(|known| known.id)
}

/// Gives the words in lower case with one blank between; all else counts as a blank.
fn words(text: &str) -> String {
    let parts = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words = String::with_capacity(text.len());
    for part in parts {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(part.chars().flat_map(char::to_lowercase));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One text under two identifiers: what differs is a name in it, or a notice in the sources.
    const SAME: &[(&str, &str)] = &[("BSD-2-Clause-NetBSD", "BSD-2-Clause"), ("MPL-2.0-no-copyleft-exception", "MPL-2.0")];

    #[test]
    fn every_text_of_spdx_is_recognised_as_itself_or_not_at_all() {
        let mut wrong = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (id, text) in spdx::text::LICENSE_TEXTS {
            let Some(found) = recognise_license(text) else { continue };
            seen.insert(found);
            let plain = |id: &str| id.trim_end_matches("-or-later").trim_end_matches("-only").trim_end_matches('+').to_owned();
            if plain(id) != plain(found) && !SAME.contains(&(*id, found)) {
                wrong.push(format!("{id} was taken for {found}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let missing: Vec<_> = KNOWN.iter().map(|known| known.id).filter(|id| !seen.contains(id)).collect();
        assert!(missing.is_empty(), "not recognised in its own text: {missing:?}");
    }

    #[test]
    fn a_text_with_more_in_it_is_another_licence() {
        let mit = spdx::text::LICENSE_TEXTS.iter().find(|(id, _)| *id == "MIT").expect("there").1;
        assert_eq!(recognise_license(&mit.to_uppercase().replace('\n', "\r\n  ")), Some("MIT"));
        assert_eq!(recognise_license(&format!("\"Commons Clause\" License Condition v1.0\n\n{mit}")), None);
        assert_eq!(recognise_license(&format!("{mit}\n{}", "You must also buy us a drink. ".repeat(80))), None);
        for text in ["", "All rights reserved.", "MIT", "See LICENSE-MIT and LICENSE-APACHE."] {
            assert_eq!(recognise_license(text), None, "{text}");
        }
    }
}
