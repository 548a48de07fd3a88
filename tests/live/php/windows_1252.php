<?php
// A page that was never moved to UTF-8 and says nothing about it.
require __DIR__ . '/_call.php';
post_with_curl($url, http_build_query($start + [
    'first_name' => "Bj\xf6rn",
    'city' => "Malm\xf6",
    'note' => "\x93na\xefve\x94 caf\xe9, 5 \x80",
]));
