//! People as an identity provider provisions them: the same for the same seed, on any machine.

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::{Builder, Uuid};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// 2025-01-01T00:00:00Z, when the first one is created; the others follow at this pace.
const FIRST: i64 = 1_735_689_600;
const PACE: i64 = 7;

const GIVEN: [&str; 48] = [
    "Anna", "Ben", "Carla", "David", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Klara",
    "Leon", "Maria", "Noah", "Olga", "Paul", "Quinn", "Rosa", "Simon", "Tara", "Uma", "Victor",
    "Wanda", "Xenia", "Yusuf", "Zoe", "Aisha", "Bruno", "Chen", "Dmitri", "Emeka", "Fatima",
    "Gabriel", "Hana", "Ivan", "Jasmin", "Kenji", "Lucia", "Mateo", "Nadia", "Oscar", "Priya",
    "Rahul", "Sofia", "Tomas", "José", "Zoë", "Jürgen",
];
const FAMILY: [&str; 72] = [
    "Adams",
    "Alvarez",
    "Andersson",
    "Bakker",
    "Barnes",
    "Bauer",
    "Becker",
    "Bianchi",
    "Brown",
    "Carter",
    "Chen",
    "Costa",
    "Davies",
    "Dubois",
    "Edwards",
    "Evans",
    "Fischer",
    "Fontaine",
    "Garcia",
    "Gupta",
    "Hansen",
    "Hoffmann",
    "Hughes",
    "Ivanov",
    "Jackson",
    "Jansen",
    "Jensen",
    "Johnson",
    "Kaya",
    "Keller",
    "Khan",
    "Kim",
    "Kowalski",
    "Kumar",
    "Larsen",
    "Lopez",
    "Martin",
    "Meyer",
    "Miller",
    "Moreau",
    "Murphy",
    "Nakamura",
    "Nguyen",
    "Nielsen",
    "Novak",
    "Okafor",
    "Olsen",
    "Patel",
    "Peeters",
    "Pereira",
    "Popescu",
    "Ricci",
    "Roberts",
    "Rossi",
    "Santos",
    "Sato",
    "Schmidt",
    "Schneider",
    "Silva",
    "Singh",
    "Smith",
    "Suzuki",
    "Taylor",
    "Tanaka",
    "Thomas",
    "Visser",
    "Wagner",
    "Weber",
    "Wilson",
    "Wright",
    "Müller",
    "Özdemir",
];
const DEPARTMENTS: [&str; 12] = [
    "Sales",
    "Engineering",
    "Finance",
    "Legal",
    "Marketing",
    "Operations",
    "Procurement",
    "Research",
    "Support",
    "Human Resources",
    "Manufacturing",
    "Logistics",
];
const TITLES: [&str; 10] = [
    "Account Manager",
    "Software Engineer",
    "Controller",
    "Counsel",
    "Analyst",
    "Team Lead",
    "Buyer",
    "Scientist",
    "Technician",
    "Vice President",
];
/// Locality, region, country, language, time zone.
const PLACES: [[&str; 5]; 8] = [
    ["Berlin", "Berlin", "DE", "de-DE", "Europe/Berlin"],
    ["Seattle", "Washington", "US", "en-US", "America/Los_Angeles"],
    ["Lyon", "Auvergne-Rhône-Alpes", "FR", "fr-FR", "Europe/Paris"],
    ["Pune", "Maharashtra", "IN", "en-IN", "Asia/Kolkata"],
    ["Osaka", "Osaka", "JP", "ja-JP", "Asia/Tokyo"],
    ["Porto", "Norte", "PT", "pt-PT", "Europe/Lisbon"],
    ["Leeds", "England", "GB", "en-GB", "Europe/London"],
    ["Lagos", "Lagos", "NG", "en-NG", "Africa/Lagos"],
];
const STREETS: [&str; 8] = [
    "Station Road",
    "Harbour Street",
    "Mill Lane",
    "Market Square",
    "Park Avenue",
    "North Street",
    "Castle Hill",
    "River Walk",
];

/// The resources of one tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct People {
    seed: u64,
}

impl People {
    /// Those of the tenant with this name.
    pub(super) fn of(seed: u64, tenant: &str) -> Self {
        let seed = tenant.bytes().fold(seed, |seed, byte| mixed(seed ^ u64::from(byte)));
        Self { seed }
    }

    /// When the resource of that number is created.
    pub(super) fn created(number: u64) -> OffsetDateTime {
        let since = Duration::seconds(PACE.saturating_mul(i64::try_from(number).unwrap_or(0)));
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(FIRST) + since
    }

    /// A version 7 UUID, in the order of the numbers.
    pub(super) fn id(self, number: u64) -> Uuid {
        let millis = u64::try_from(Self::created(number).unix_timestamp()).unwrap_or(0) * 1_000;
        let mut draw = self.draw("id", number);
        let random = (u128::from(draw.next()) << 64) | u128::from(draw.next());
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, ..] = random.to_be_bytes();
        let random = [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9];
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A user of about 1.5 KB of JSON, as Entra ID provisions it.
    pub(super) fn user(self, number: u64) -> Map<String, Value> {
        let mut draw = self.draw("user", number);
        let (given, family) = (draw.one_of(&GIVEN), draw.one_of(&FAMILY));
        let [city, region, country, language, zone] = draw.one_of(&PLACES);
        let (department, title) = (draw.one_of(&DEPARTMENTS), draw.one_of(&TITLES));
        let account = format!("{}.{}.{number}", ascii(given), ascii(family)).to_lowercase();
        let full = format!("{given} {family}");
        let (street, house) = (draw.one_of(&STREETS), draw.below(200) + 1);
        let (home_street, home_house) = (draw.one_of(&STREETS), draw.below(200) + 1);
        let (postal, home_postal) = (10_000 + draw.below(90_000), 10_000 + draw.below(90_000));
        let phone = |area: u64, line: u64| format!("+49 {area} {line:07}");
        let manager = self.id(number.saturating_sub(number % 10));
        let user = json!({
            "schemas": [USER, ENTERPRISE],
            "id": self.id(number),
            "externalId": format!("{:016x}{:016x}", draw.next(), draw.next()),
            "userName": format!("{account}@contoso.example"),
            "name": {
                "formatted": full, "familyName": family, "givenName": given,
            },
            "displayName": full,
            "nickName": given,
            "title": title,
            "userType": if draw.below(10) == 0 { "Contractor" } else { "Employee" },
            "preferredLanguage": language,
            "locale": language,
            "timezone": zone,
            "active": draw.below(20) != 0,
            "emails": [
                { "value": format!("{account}@contoso.example"), "type": "work", "primary": true },
                { "value": format!("{account}@mail.example"), "type": "home" },
            ],
            "phoneNumbers": [
                { "value": phone(30, draw.below(9_999_999)), "type": "work", "primary": true },
                { "value": phone(170, draw.below(9_999_999)), "type": "mobile" },
                { "value": phone(30, draw.below(9_999_999)), "type": "fax" },
            ],
            "addresses": [
                {
                    "type": "work", "primary": true,
                    "formatted": format!("{house} {street}\n{postal} {city}\n{country}"),
                    "streetAddress": format!("{house} {street}"), "locality": city,
                    "region": region, "postalCode": postal.to_string(), "country": country,
                },
                {
                    "type": "home",
                    "streetAddress": format!("{home_house} {home_street}"), "locality": city,
                    "region": region, "postalCode": home_postal.to_string(), "country": country,
                },
            ],
            "roles": [{ "value": title, "display": title, "type": "WindowsAzureActiveDirectoryRole" }],
            ENTERPRISE: {
                "employeeNumber": format!("E{number:08}"),
                "costCenter": format!("CC-{:04}", draw.below(500)),
                "organization": "Contoso", "division": region,
                "department": department, "manager": { "value": manager },
            },
        });
        object(user)
    }

    /// A group with this name.
    pub(super) fn group(self, number: u64, name: &str) -> Map<String, Value> {
        let mut draw = self.draw("group", number);
        object(json!({
            "schemas": [GROUP],
            "id": self.id(number),
            "externalId": format!("{:016x}{:016x}", draw.next(), draw.next()),
            "displayName": name,
        }))
    }

    /// Some of the numbers below `of`, each once, in order.
    pub(super) fn some(self, group: u64, of: u64) -> Vec<u64> {
        let mut draw = self.draw("members", group);
        let wanted = 20 + draw.below(60);
        let mut some: Vec<u64> = (0..wanted).map(|_| draw.below(of.max(1))).collect();
        some.sort_unstable();
        some.dedup();
        some.retain(|number| *number < of);
        some
    }

    fn draw(self, what: &str, number: u64) -> Draw {
        let what = what.bytes().fold(self.seed, |seed, byte| mixed(seed ^ u64::from(byte)));
        Draw(mixed(what ^ number))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What addresses have of a name: letters of ASCII.
fn ascii(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            'é' | 'ë' => 'e',
            'ü' => 'u',
            'Ö' | 'ö' => 'o',
            other => other,
        })
        .collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014): numbers that stay the same in every version, which
/// those of a library need not.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let place = usize::try_from(self.below(all.len() as u64)).unwrap_or(0);
        all.get(place).copied().unwrap_or_default()
    }
}

const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use tenon_scim::Registry;
    use tenon_scim::schema::validate;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_people_and_another_gives_others() {
        let (one, same, other) =
            (People::of(1, "acme"), People::of(1, "acme"), People::of(2, "acme"));
        assert_eq!(one.user(7), same.user(7));
        assert_eq!(one.some(7, 100), same.some(7, 100));
        assert!(one.id(7) != other.id(7) && one.id(7) != People::of(1, "other").id(7));
    }

    #[test]
    fn ids_are_version_7_and_in_the_order_of_creation() {
        let people = People::of(1, "acme");
        let ids: Vec<Uuid> = (0..1_000).map(|number| people.id(number)).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn a_seeded_resource_is_what_a_client_could_have_written() {
        let (registry, people) = (Registry::core(), People::of(1, "acme"));
        let user = registry.resource_type("User").unwrap();
        let group = registry.resource_type("Group").unwrap();
        for number in 0..200 {
            for (resource_type, mut seeded) in
                [(user, people.user(number)), (group, people.group(number, "Group"))]
            {
                seeded.shift_remove("id");
                let valid = validate::create(resource_type, &seeded).unwrap();
                assert_eq!(valid.ignored().len(), 0);
                let (expected, seeded) = (valid.attributes(), &seeded);
                assert!(expected.iter().eq(seeded.iter()), "{expected:?}\n{seeded:?}");
            }
        }
    }

    #[test]
    fn a_user_has_the_size_of_those_that_identity_providers_send() {
        let people = People::of(1, "acme");
        let bytes: usize =
            (0..100).map(|number| serde_json::to_string(&people.user(number)).unwrap().len()).sum();
        assert!((1_400..1_700).contains(&(bytes / 100)), "{} bytes", bytes / 100);
    }
}
