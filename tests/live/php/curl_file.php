<?php
// The file as a part with a name of its own.
require __DIR__ . '/_call.php';
post_with_curl($url, $start + [
    'last_name' => 'Großmann',
    'upload_file_contents' => new CURLFile($document, 'application/pdf'),
]);
