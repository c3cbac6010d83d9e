//! Any JSON as the body of a POST or PUT request, in every dialect, and as a stored resource.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenon_fuzz::{SAMPLES, assert_valid, create, replace};
use tenon_scim::resource::Known;
use tenon_scim::stored::{self, Document};
use tenon_scim::{Dialect, Object};

fuzz_target!(|data: &[u8]| {
    let Ok(input) = serde_json::from_slice::<Object>(data) else { return };
    for sample in SAMPLES.iter() {
        let resource_type = &sample.resource_type;
        for dialect in &Dialect::ALL {
            if let Ok(created) = create(resource_type, &input, dialect) {
                assert_valid(resource_type, &created);
            }
            if let Ok(replaced) = replace(resource_type, &sample.resource, &input, dialect) {
                assert_valid(resource_type, &replaced);
            }
        }
        let known = Known::of(resource_type, input.clone(), input.clone());
        let document = Document::of(resource_type, "1", &known.attributes, known.hidden.clone());
        let read = stored::read(resource_type, &document.body, document.secrets.as_deref());
        assert_eq!(read.expect("what was stored").hidden, known.hidden);
    }
});
