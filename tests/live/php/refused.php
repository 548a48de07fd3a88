<?php
require __DIR__ . '/_call.php';
post_with_curl($url, http_build_query(['mode' => 'update', 'lat' => 'north', 'lead_id' => 'none'] + $start));
