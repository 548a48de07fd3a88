<?php
// The bytes in a text part of a multipart body, their name beside them.
require __DIR__ . '/_call.php';
post_with_curl($url, $start + [
    'last_name' => 'Großmann',
    'upload_file_name' => 'C:\\files\\' . basename($document),
    'upload_file_contents' => file_get_contents($document),
]);
