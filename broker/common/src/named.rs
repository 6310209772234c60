//! Lists of what people call by a name: each entry of them is told in a sentence too.

/// An enum, each variant of which has a name and a sentence about it: `ALL`, `about`, and the name by the method that
/// the list asks for. A list may have groups; then each variant tells its own by a second method.
#[macro_export]
macro_rules! named {
    (
        $(#[$list_attribute:meta])*
        pub enum $List:ident
        $(#[$name_attribute:meta])*
        by $name:ident {
            $($variant:ident = $called:literal, $about:literal;)*
        }
    ) => {
        $(#[$list_attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $List { $(#[doc = $about] $variant),* }

        impl $List {
            /// All of them, each at the place of its number.
            pub const ALL: &'static [$List] = &[$($List::$variant),*];

            $(#[$name_attribute])*
            pub const fn $name(self) -> &'static str {
                match self { $($List::$variant => $called),* }
            }

            /// What it is, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $($List::$variant => $about),* }
            }
        }
    };
    (
        $(#[$list_attribute:meta])*
        pub enum $List:ident
        $(#[$name_attribute:meta])*
        by $name:ident
        $(#[$group_attribute:meta])*
        in $group:ident: $Group:ident {
            $($Of:ident { $($variant:ident = $called:literal, $about:literal;)* })*
        }
    ) => {
        $crate::named! {
            $(#[$list_attribute])*
            pub enum $List
            $(#[$name_attribute])*
            by $name { $($($variant = $called, $about;)*)* }
        }

        impl $List {
            $(#[$group_attribute])*
            pub const fn $group(self) -> $Group {
                match self { $($($List::$variant => $Group::$Of,)*)* }
            }
        }
    };
}
