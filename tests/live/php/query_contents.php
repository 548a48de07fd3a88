<?php
// The bytes percent-encoded in a form, as the documentation of the old endpoint shows it.
require __DIR__ . '/_call.php';
post_with_stream($url, http_build_query($start + [
    'last_name' => 'Großmann',
    'upload_file_name' => basename($document),
    'upload_file_contents' => file_get_contents($document),
]));
