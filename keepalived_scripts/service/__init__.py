"""chk_service and chk_haproxy: a service, its checks, and a restart before the VIP is given up."""
