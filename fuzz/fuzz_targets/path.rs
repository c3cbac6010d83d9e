//! Any text as an attribute path: parsed, printed, read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenon_fuzz::SAMPLES;
use tenon_scim::path::{self, Path, Target};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for sample in SAMPLES.iter() {
        let parsed = path::parse(&sample.resource_type, text);
        let read = path::read(&sample.resource_type, &sample.resource, text);
        assert_eq!(parsed.is_ok(), read.is_ok());
        if let Ok(Path::Value(path)) = parsed {
            let printed = path.target.path();
            let found = path::resolve(&sample.resource_type, &printed);
            assert_eq!(found, Ok(Target::Attribute(path.target)));
        }
    }
});
